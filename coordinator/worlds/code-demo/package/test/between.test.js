import assert from "node:assert/strict";
import { test } from "node:test";
import { between } from "../src/between.js";

test("between", () => {
  assert.equal(between(1, 1, 2), true);
  assert.equal(between(2, 1, 2), true);
  assert.equal(between(0, 1, 2), false);
  assert.equal(between(3, 1, 2), false);
});
