// Requirements: 6.12.network
import { describe, expect, it } from "vitest";
import { valueAt } from "./json-path.ts";

const data = {
  note: { note: "lgtm", empty: null },
  actions: [{ action: "create" }, { action: "delete" }],
  packed: '{"inner": [1, 2]}',
  "configurable-matrix": [
    { newProduct: 1, attributes: "red" },
    { newProduct: 0, attributes: "blue" },
    { newProduct: "1", attributes: "green" },
  ],
  "reply_to_submission_2[comment]": "good",
};

describe("a path into JSON", () => {
  it.each([
    ["$.note.note", "lgtm"],
    ["$.note.empty", null],
    ["$.actions[1].action", "delete"],
    ["$.actions[-1].action", "delete"],
    ["$.actions[*].action", ["create", "delete"]],
    ["$['note']['note']", "lgtm"],
    ["$.packed.inner[0]", 1],
    ["$['configurable-matrix'][?(@.newProduct == 1)].attributes", ["red", "green"]],
    ["$.^reply_to_submission_\\d+\\[comment\\]$", "good"],
    ["^note|packed$", [data.note, data.packed]],
    ["$.nothing.here", null],
    ["$.toString", null],
  ])("%s", (path, value) => {
    expect(valueAt(data, path)).toEqual(value);
  });

  it("that cannot be read is the task's fault, not a miss", () => {
    expect(() => valueAt(data, "$.note[")).toThrow('cannot be read at "["');
    expect(() => valueAt(data, "$..note")).toThrow("cannot be read");
  });
});
