import assert from "node:assert/strict";
import { test } from "node:test";
import { area } from "../src/area.js";

test("area", () => {
  assert.equal(area(2, 7), 14);
  assert.equal(area(4, 4), 16);
});
