import assert from "node:assert/strict";
import { test } from "node:test";
import { fits } from "../src/fits.js";

test("fits", () => {
  assert.equal(fits(2, 2), true);
  assert.equal(fits(1, 2), true);
  assert.equal(fits(3, 2), false);
});
