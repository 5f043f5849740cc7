import assert from "node:assert/strict";
import { test } from "node:test";
import { differs } from "../src/differs.js";

test("differs", () => {
  assert.equal(differs(1, 2), true);
  assert.equal(differs(2, 2), false);
});
