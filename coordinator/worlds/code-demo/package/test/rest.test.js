import assert from "node:assert/strict";
import { test } from "node:test";
import { rest } from "../src/rest.js";

test("rest", () => {
  assert.equal(rest(9, 4), 1);
  assert.equal(rest(10, 5), 0);
});
