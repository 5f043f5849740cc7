import assert from "node:assert/strict";
import { test } from "node:test";
import { middle } from "../src/middle.js";

test("middle", () => {
  assert.equal(middle(4, 10), 7);
});
