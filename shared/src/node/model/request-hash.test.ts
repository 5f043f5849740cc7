// Requirements: 3.9.journal
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { CompletionRequest } from "./model.ts";
import { canonicalJson, requestHashOf } from "./request-hash.ts";

const model = { id: "anthropic:m", settings: { thinking: "default" } };
const request: CompletionRequest = {
  purpose: "act",
  system: "s",
  messages: [{ role: "user", content: [{ kind: "text", text: "hello" }] }],
  outputTokensMax: 10,
  output: { kind: "json", name: "vote", schema: { type: "object", properties: { a: {}, b: {} } } },
  seed: 1,
};

/** The same value with the keys of every object in another order. */
function reordered(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(reordered);
  if (value === null || typeof value !== "object") return value;
  return Object.fromEntries(
    Object.entries(value)
      .toReversed()
      .map(([key, member]) => [key, reordered(member)]),
  );
}

describe("canonical JSON", () => {
  it("does not depend on the order of keys and says the same as the value", () => {
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        expect(canonicalJson(reordered(value))).toBe(canonicalJson(value));
        expect(JSON.parse(canonicalJson(value))).toEqual(JSON.parse(JSON.stringify(value)));
      }),
    );
  });

  it("is different for different values", () => {
    fc.assert(
      fc.property(fc.jsonValue(), fc.jsonValue(), (a, b) => {
        fc.pre(JSON.stringify(reordered(a)) !== JSON.stringify(reordered(b)));
        const areEqual = canonicalJson(a) === canonicalJson(b);
        if (areEqual) expect(JSON.parse(JSON.stringify(a))).toEqual(JSON.parse(JSON.stringify(b)));
      }),
    );
  });
});

describe("the hash of a request", () => {
  const hash = requestHashOf(model, request);
  const messages = (text: string, cacheable?: boolean): CompletionRequest["messages"] => [
    { role: "user", content: [{ kind: "text", text, ...(cacheable !== undefined && { cacheable }) }] },
  ];

  it.each<[string, Partial<CompletionRequest>]>([
    ["system", { system: "other" }],
    ["messages", { messages: messages("hello!") }],
    ["output", { output: { kind: "text" } }],
    ["outputTokensMax", { outputTokensMax: 11 }],
    ["seed", { seed: 2 }],
  ])("depends on %s", (_field, change) => {
    expect(requestHashOf(model, { ...request, ...change })).not.toBe(hash);
  });

  it("depends on the model and its settings", () => {
    expect(requestHashOf({ ...model, id: "anthropic:n" }, request)).not.toBe(hash);
    expect(requestHashOf({ ...model, settings: { thinking: "summarised" } }, request)).not.toBe(hash);
    expect(requestHashOf({ id: model.id }, request)).toBe(requestHashOf({ id: model.id, settings: {} }, request));
  });

  it("does not depend on what changes the price or the bookkeeping only", () => {
    expect(requestHashOf(model, { ...request, purpose: "judge" })).toBe(hash);
    expect(requestHashOf(model, { ...request, messages: messages("hello", true) })).toBe(hash);
  });

  it("keeps the borders between parts", () => {
    const split = [
      {
        role: "user" as const,
        content: [
          { kind: "text" as const, text: "hel" },
          { kind: "text" as const, text: "lo" },
        ],
      },
    ];
    expect(requestHashOf(model, { ...request, messages: split })).not.toBe(hash);
  });
});
