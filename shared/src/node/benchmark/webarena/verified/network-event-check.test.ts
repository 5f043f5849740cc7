// Requirements: 6.12.network, 6.12.lost-exchanges
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import {
  done,
  events,
  form,
  json,
  network,
  reference,
  type Sent,
  sites,
} from "../../../../../../test/support/verified-references.ts";
import type { WebArenaVerifiedReference } from "../../../../domain/webarena-reference.ts";
import { evaluateVerified } from "./evaluate-verified.ts";
import { type NetworkEvent, readHar } from "./har.ts";
import type { Json } from "./json-value.ts";

describe("a request", () => {
  const expected = { url: "__GITLAB__/notes", http_method: "POST", post_data: { "note[note]": "LGTM" } };

  it("is right by place, method, status and what it carried", () => {
    const body = form("note%5Bnote%5D=lgtm&x=1");
    expect(network({ expected }, events({ body }))).toBe("success");
    expect(network({ expected }, events({ body, method: "PUT" }))).toBe("failure");
    expect(network({ expected }, events({ body, status: 500 }))).toBe("failure");
    expect(network({ expected }, events({ body, url: "http://git.test/other" }))).toBe("failure");
    expect(network({ expected }, events({ body, url: "http://evil.test/notes" }))).toBe("failure");
    expect(network({ expected }, events({ body: form("note%5Bnote%5D=no") }))).toBe("failure");
    expect(network({ expected }, events({}))).toBe("failure");
    expect(network({ expected }, [])).toBe("failure");
  });

  it("may carry anything where nothing is named", () => {
    const none = { url: "__GITLAB__/notes", http_method: "POST", post_data: {}, response_content: {} };
    for (const sent of [{ body: form("a=1") }, { body: json({ a: 1 }), content: { b: 2 } }, {}]) {
      expect(network({ expected: none }, events(sent))).toBe("success");
    }
  });

  it("carries JSON that paths look into, multipart forms, and lists by schema", () => {
    const deep = { url: "__GITLAB__/notes", http_method: "POST", post_data: { "$.note.note": "lgtm", gone: null } };
    expect(network({ expected: deep }, events({ body: json({ note: { note: "LGTM" } }) }))).toBe("success");
    expect(network({ expected: deep }, events({ body: json({ note: {} }) }))).toBe("failure");
    const text = '--b\r\nContent-Disposition: form-data; name="note[note]"\r\n\r\nlgtm\r\n--b--';
    expect(network({ expected }, events({ body: { mimeType: "multipart/form-data; boundary=b", text } }))).toBe(
      "success",
    );
    const typed = {
      expected: { url: "__GITLAB__/notes", http_method: "POST", post_data: { ids: [3, 4], price: 5 } },
      post_data_schema: {
        type: "object",
        properties: {
          ids: { type: "array", items: { type: "number" } },
          price: { type: "number", format: "currency" },
        },
      },
    };
    expect(network(typed, events({ body: json({ ids: ["4", 3], price: "$5.00" }) }))).toBe("success");
    expect(network(typed, events({ body: json({ ids: [4], price: 5 }) }))).toBe("failure");
  });

  it("is the last one, or any of them, or must not be there", () => {
    const good = { body: form("note%5Bnote%5D=lgtm") };
    const bad = { body: form("note%5Bnote%5D=no") };
    expect(network({ expected }, events(good, bad))).toBe("failure");
    expect(network({ expected, last_event_only: false }, events(good, bad))).toBe("success");
    expect(network({ expected, should_not_exist: true }, events(good))).toBe("failure");
    expect(network({ expected, should_not_exist: true }, events({ url: "http://git.test/x" }))).toBe("success");
  });

  it("has its query compared but for what is ignored, by type, and out of base64", () => {
    const get = { url: "__GITLAB__/search?q=a&page=1", http_method: "GET" };
    const at = (url: string): NetworkEvent[] => events({ method: "GET", url });
    expect(network({ expected: get }, at("http://git.test/search?page=1&q=A"))).toBe("success");
    expect(network({ expected: get }, at("http://git.test/search?page=2&q=a"))).toBe("failure");
    const ignoring = { expected: get, ignored_query_params: ["page"], ignored_query_params_patterns: ["^SORT"] };
    expect(network(ignoring, at("http://git.test/search?q=a&page=9&sort_by=x"))).toBe("success");
    const dated = {
      expected: { url: "__GITLAB__/report", query_params: { from: ["2023-01-15"] } },
      query_params_schema: {
        type: "object",
        properties: { from: { type: "array", items: { type: "string", format: "date" } } },
      },
      decode_base64_query: true,
    };
    const base64 = Buffer.from("from=01%2F15%2F2023").toString("base64url");
    expect(network(dated, at(`http://git.test/report/${base64}/`))).toBe("success");
    expect(network(dated, at("http://git.test/report?from=01%2F16%2F2023"))).toBe("failure");
    const pattern = { url: "^__GITLAB__/projects/\\d+$", query_params: { state: ["^(opened|)$"] } };
    expect(network({ expected: pattern }, at("http://git.test/projects/12"))).toBe("success");
    expect(network({ expected: pattern }, at("http://git.test/projects/12?state=closed"))).toBe("failure");
  });

  it("has headers, cookies and the response looked at where the task says so", () => {
    const check = {
      expected: {
        ...expected,
        headers: { referer: "__GITLAB__/issues?state=opened", "X-Requested-With": "XMLHttpRequest" },
        response_cookies: { messages: "^.*added to your wish list.*$" },
        response_content: { "$.items[0].name": "A", ok: true },
      },
    };
    const whole: Sent = {
      body: form("note%5Bnote%5D=lgtm"),
      headers: { Referer: "http://git.test/issues?state=opened", "x-requested-with": "xmlhttprequest" },
      cookies: { messages: "Thing%20has%20been%20added%20to%20your%20Wish%20List." },
      content: { items: [{ name: "A" }], ok: true },
    };
    expect(network(check, events(whole))).toBe("success");
    for (const change of [
      { headers: { Referer: "http://git.test/issues?state=closed", "x-requested-with": "xmlhttprequest" } },
      { headers: { Referer: "http://git.test/issues?state=opened" } },
      { cookies: {} },
      { content: { items: [{ name: "a" }], ok: true } },
    ]) {
      expect(network(check, events({ ...whole, ...change }))).toBe("failure");
    }
  });

  it("for a page counts only as the last page that somebody went to", () => {
    const check = { expected: { url: "__GITLAB__/a" } };
    const clicked = {
      "sec-fetch-user": "?1",
      "sec-fetch-dest": "document",
      "sec-fetch-mode": "navigate",
      accept: "text/html,*/*",
    };
    const page = (url: string, headers: Record<string, string> = clicked): Sent => ({ method: "GET", url, headers });
    expect(network(check, events(page("http://git.test/b"), page("http://git.test/a")), "navigate")).toBe("success");
    expect(network(check, events(page("http://git.test/a"), page("http://git.test/b")), "navigate")).toBe("failure");
    const frame = { ...clicked, "sec-fetch-dest": "iframe" };
    expect(network(check, events(page("http://git.test/b"), page("http://git.test/a", frame)), "navigate")).toBe(
      "failure",
    );
  });

  it("that was not recorded at all is undecided, a wrong answer all the same wrong", () => {
    const task = reference("mutate", null, { type: "null" }, { evaluator: "NetworkEventEvaluator", expected });
    expect(evaluateVerified({ reference: task, response: done, events: null, sites }).status).toBe("error");
    expect(evaluateVerified({ reference: task, response: null, events: null, sites }).status).toBe("failure");
  });

  it("whose body was not kept is undecided where its body is asked for", () => {
    const check = { expected: { url: "__GITLAB__/notes", http_method: "POST", response_content: { id: 1 } } };
    expect(network(check, events({ content: { id: 1 } }))).toBe("success");
    expect(network(check, events({ size: 300_000 }))).toBe("error");
    expect(network(check, events({ size: 0 }))).toBe("failure");
    expect(network({ expected }, events({ size: 300_000 }))).toBe("failure");
  });

  it("that lacks exchanges is undecided, whatever is in it; without bodies only where bodies are asked for", () => {
    const asked = (more: object): WebArenaVerifiedReference =>
      reference(
        "mutate",
        null,
        { type: "null" },
        { evaluator: "NetworkEventEvaluator", expected: { ...expected, ...more } },
      );
    const status = (task: WebArenaVerifiedReference, comment: string, response: Json = done): string => {
      const recording = readHar(Buffer.from(JSON.stringify({ log: { entries: [], comment } })), "n.har");
      const given = { events: recording.events, lacks: recording.lacks, sites };
      return evaluateVerified({ reference: task, response, ...given }).status;
    };
    expect(status(asked({}), "")).toBe("failure");
    expect(status(asked({}), "by somebody's recorder")).toBe("failure");
    expect(status(asked({}), "2 exchanges are missing")).toBe("error");
    expect(status(asked({}), "2 exchanges are missing", null)).toBe("failure");
    expect(status(asked({}), "the bodies of answers are left out")).toBe("failure");
    expect(status(asked({ response_content: { id: 1 } }), "the bodies of answers are left out")).toBe("error");
  });
});

describe("whatever a log holds", () => {
  it("is read without throwing, whatever requests there were", () => {
    const check = {
      expected: { url: "__GITLAB__/notes", http_method: "POST", post_data: { "$.a.b": "x", c: 1 } },
      decode_base64_query: true,
      ignored_query_params_patterns: ["^p"],
    };
    const urls = fc.array(fc.string(), { maxLength: 3 }).map((parts) => `http://git.test/notes${parts.join("?")}`);
    const sent = fc.record({
      url: fc.oneof(urls, fc.string()),
      body: fc.record({
        mimeType: fc.constantFrom(
          "application/json",
          "application/x-www-form-urlencoded",
          "multipart/form-data; boundary=b",
          "",
        ),
        text: fc.oneof(fc.string(), fc.json()),
      }),
    });
    fc.assert(
      fc.property(fc.array(sent, { maxLength: 4 }), (requests) => {
        expect(network(check, events(...requests))).toBe("failure");
      }),
      { numRuns: 200 },
    );
  });
});
