// Requirements: 6.16.actions
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { Action, actionText } from "../../../domain/action.ts";
import { parseTurn } from "../act-answer.ts";
import { toolLanguage } from "./tool-language.ts";

describe("the language of tools", () => {
  it("reads every call that it writes", () => {
    const input = fc.dictionary(fc.string({ maxLength: 20 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 });
    const name = fc.stringMatching(/^[A-Za-z_][A-Za-z0-9_.-]{0,40}$/);
    fc.assert(
      fc.property(name, input, (tool, value) => {
        const action = Action.parse(JSON.parse(JSON.stringify({ kind: "tool", name: tool, input: value })));
        fc.pre(tool.toLowerCase() !== "stop");
        expect(toolLanguage.parse(actionText(action))).toEqual(action);
      }),
    );
  });

  it.each([
    ["add_item({})", { name: "add_item", input: {} }],
    ["add_item()", { name: "add_item", input: {} }],
    ['fs.read ( {"path": "a(b).txt"} ) ;', { name: "fs.read", input: { path: "a(b).txt" } }],
    ['add_item({\n  "title": "two\\nlines"\n})', { name: "add_item", input: { title: "two\nlines" } }],
  ])("reads %s", (body, expected) => {
    expect(toolLanguage.parse(body)).toEqual({ kind: "tool", ...expected });
  });

  it.each([
    ["ls -la", /is no tool call/],
    ["add_item", /is no tool call/],
    ["add_item([1])", /no JSON object/],
    ['add_item("milk")', /no JSON object/],
    ["add_item(null)", /no JSON object/],
    ["add_item({title: 'milk'})", /not valid JSON/],
    ['a({"x":1}) b({"y":2})', /not valid JSON/],
  ])("says what is wrong with %s", (body, problem) => {
    expect(toolLanguage.parse(body)).toEqual({ problem: expect.stringMatching(problem) });
  });

  it("leaves stop to every language, and takes fenced calls", () => {
    const read = (action: string): object => parseTurn(`REASON: because\nACTION:${action}`, toolLanguage);
    expect(read(' stop("4")')).toMatchObject({ action: { kind: "stop", answer: "4" } });
    expect(read('\n```json\nadd({"n": 1})\n```')).toMatchObject({ action: { kind: "tool", input: { n: 1 } } });
    expect(read(" echo hello")).toMatchObject({ kind: "unparsable", problem: expect.stringContaining("name({") });
  });
});
