import assert from "node:assert/strict";
import { test } from "node:test";
import { outside } from "../src/outside.js";

test("outside", () => {
  assert.equal(outside(0, 1, 2), true);
  assert.equal(outside(1, 1, 2), false);
  assert.equal(outside(2, 1, 2), false);
});
