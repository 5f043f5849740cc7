// Requirements: 6.16.actions
import { ToolDescription } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { ToolSet } from "./tool-set.ts";

type Json = Parameters<typeof ToolDescription.parse>[0];
const aSet = (...tools: Json[]): ToolSet =>
  new ToolSet(
    "w",
    tools.map((tool) => ToolDescription.parse(tool)),
  );
const problemOf = (inputSchema: Json, input: Record<string, unknown>): string | null =>
  aSet({ name: "t", inputSchema }).problemOf({ name: "t", input });

describe("a set of tools", () => {
  it.each([
    [{ type: "object" }, { anything: 1 }],
    [{ type: "object", properties: { a: { $ref: "#/$defs/A" } }, $defs: { A: { type: "integer" } } }, { a: 1 }],
    [{ $schema: "https://json-schema.org/draft/2020-12/schema", type: "object", unknownKeyword: 1 }, {}],
    [
      {
        $schema: "http://json-schema.org/draft-07/schema#",
        type: "object",
        properties: { a: { items: [{ type: "string" }] } },
      },
      { a: ["x", 1] },
    ],
    [{ type: "object", properties: { a: { type: "string", format: "no-such-format" } } }, { a: "x" }],
  ])("takes what the schema allows: %j", (schema, input) => {
    expect(problemOf(schema, input)).toBeNull();
  });

  it.each([
    [
      { properties: { a: { enum: ["x", "y"] } } },
      { a: "z" },
      'a must be equal to one of the allowed values (["x","y"])',
    ],
    [{ required: ["a", "b"] }, {}, "must have required property 'a'; the arguments must have required property 'b'"],
    [{ properties: { a: { properties: { b: { type: "number" } } } } }, { a: { b: "1" } }, "a/b must be number"],
    [{ additionalProperties: false }, { c: 1 }, "must NOT have additional properties (c)"],
  ])("says what is wrong: %j", (schema, input, problem) => {
    expect(problemOf({ type: "object", ...schema }, input)).toContain(problem);
  });

  it.each([
    ["a schema that is none", [{ name: "a", inputSchema: { type: "objct" } }], /schema of its tool a cannot be used/],
    [
      "a reference to elsewhere",
      [{ name: "a", inputSchema: { $ref: "https://example.invalid/x" } }],
      /can't resolve reference/,
    ],
    ["two tools of one name", [{ name: "a" }, { name: "a" }], /two of its tools have the same name/],
    [
      "more than a prompt holds",
      Array.from({ length: 12 }, (_, n) => ({ name: `t${n}`, description: "x".repeat(8_000) })),
      /choose some with "tools"/,
    ],
  ])("refuses %s", (_, tools, problem) => {
    expect(() => aSet(...tools)).toThrow(
      expect.objectContaining({ code: "ENVIRONMENT_UNAVAILABLE", message: expect.stringMatching(problem) }),
    );
  });

  it("may give the same $id to two schemas", () => {
    const inputSchema = { $id: "https://example.invalid/same", type: "object" };
    expect(aSet({ name: "a", inputSchema }, { name: "b", inputSchema }).tools).toHaveLength(2);
  });

  it("tells of changes by name", () => {
    const before = aSet({ name: "a" }, { name: "b" }, { name: "c" });
    expect(before.changesTo(aSet({ name: "a" }, { name: "b", description: "new" }, { name: "d" }))).toBe(
      "added d; removed c; changed b",
    );
    expect(before.changesTo(aSet({ name: "c" }, { name: "b" }, { name: "a" }))).toBeNull();
  });
});

it("checks at once whatever a schema says of being asynchronous", () => {
  const inputSchema = { $async: true, type: "object", required: ["a"] };
  const set = new ToolSet("w", [{ name: "t", description: "", inputSchema }]);
  expect(set.problemOf({ name: "t", input: {} })).toMatch(/does not take these arguments/);
});
