import assert from "node:assert/strict";
import { test } from "node:test";
import { perimeter } from "../src/perimeter.js";

test("perimeter", () => {
  assert.equal(perimeter(2, 9), 22);
});
