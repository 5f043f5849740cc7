import assert from "node:assert/strict";
import { test } from "node:test";
import { share } from "../src/share.js";

test("share", () => {
  assert.equal(share(9, 3), 3);
  assert.equal(share(1, 4), 0.25);
});
