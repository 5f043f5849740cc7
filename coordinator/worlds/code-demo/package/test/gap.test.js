import assert from "node:assert/strict";
import { test } from "node:test";
import { gap } from "../src/gap.js";

test("gap", () => {
  assert.equal(gap(8, 3), 5);
  assert.equal(gap(5, 0), 5);
});
