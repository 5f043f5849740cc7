// Requirements: 6.12.network
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { done, events, form, reference } from "../../../../../../test/support/verified-references.ts";
import { evaluateVerified } from "./evaluate-verified.ts";
import { readHar } from "./har.ts";

describe("a network log", () => {
  it("is read zipped, without pictures, past entries that are broken, and refused where it is none", () => {
    const entry = { request: { method: "GET", url: "http://a.test/x.png?y" }, response: { status: 200 } };
    const page = { ...entry, request: { ...entry.request, url: "http://a.test/" } };
    const har = { log: { entries: [entry, page, { request: 5 }, null] } };
    const recording = readHar(gzipSync(JSON.stringify(har)), "n.har");
    expect([recording.events.map(({ url }) => url), recording.broken]).toEqual([["http://a.test/"], 2]);
    for (const text of ["", "{", "[]", '{"log": {}}', "null"]) {
      expect(() => readHar(Buffer.from(text), "n.har")).toThrow(/^n\.har (is no HAR|cannot be read)/);
    }
  });

  it("is taken in the order in which requests were sent, not in which they ended", () => {
    const at = (second: number, path: string): object => ({
      startedDateTime: `2026-01-01T00:00:0${second}Z`,
      request: { method: "GET", url: `http://a.test/${path}` },
      response: { status: 200 },
    });
    const har = (entries: object[]): string[] =>
      readHar(Buffer.from(JSON.stringify({ log: { entries } })), "n.har").events.map(({ url }) => url.slice(-1));
    expect(har([at(2, "b"), at(1, "a"), at(2, "c")])).toEqual(["a", "b", "c"]);
    const { startedDateTime: _, ...untimed } = at(1, "a") as Record<string, unknown>;
    expect(har([at(2, "b"), untimed])).toEqual(["b", "a"]);
  });

  it("tells where the sites were where nobody says so", () => {
    const [event] = events({ url: "http://elsewhere.test/notes", body: form("a=1") });
    const check = { evaluator: "NetworkEventEvaluator", expected: { url: "__GITLAB__/notes", http_method: "POST" } };
    const task = reference("mutate", null, { type: "null" }, check);
    expect(evaluateVerified({ reference: task, response: done, events: [event!], sites: {} }).status).toBe("success");
  });
});
