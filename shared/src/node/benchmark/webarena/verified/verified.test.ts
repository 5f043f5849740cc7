// Requirements: 6.12.verified-response, 6.12.network, 6.12.lost-exchanges
import fc from "fast-check";
import { gzipSync } from "node:zlib";
import { describe, expect, it } from "vitest";
import { WebArenaReference, WebArenaVerifiedReference } from "../../../../domain/webarena-reference.ts";
import { evaluateWebReference } from "../evaluate-web-reference.ts";
import { evaluateVerified, verifiedEvaluation, type VerifiedResult } from "./evaluate-verified.ts";
import { readHar, type NetworkEvent } from "./har.ts";
import type { Json } from "./json-value.ts";

const sites = { gitlab: ["http://git.test"], shopping_admin: ["http://shop.test/admin"] };

function reference(taskType: string, data: Json, schema: object, ...checks: object[]): WebArenaVerifiedReference {
  return WebArenaVerifiedReference.parse({
    kind: "webarena-verified",
    taskId: 1,
    templateId: 2,
    revision: 1,
    sites: ["gitlab"],
    eval: [
      {
        evaluator: "AgentResponseEvaluator",
        results_schema: schema,
        expected: { task_type: taskType, status: "SUCCESS", retrieved_data: data },
      },
      ...checks,
    ],
  });
}

const strings = { type: "array", items: { type: "string" } };

function respond(response: Json, task = reference("retrieve", ["a", ["b", "c"]], strings)): VerifiedResult {
  return evaluateVerified({ reference: task, response, events: [], sites });
}

const right = { task_type: "RETRIEVE", status: "success", retrieved_data: ["C", "a"], error_details: null };

describe("a final response", () => {
  it("is right in any case and order, with alternatives, fenced, or under its old name", () => {
    const { task_type: type, ...others } = right;
    for (const response of [
      right,
      JSON.stringify(right),
      `Done:\n\`\`\`json\n${JSON.stringify(right)}\n\`\`\``,
      { performed_operation: type, ...others },
      { ...right, retrieved_data: ["b", "a"] },
    ]) {
      expect(respond(response)).toMatchObject({ status: "success", score: 1 });
    }
  });

  it.each<[string, Json, string]>([
    ["missing", null, "agent_response_none_mismatch"],
    ["no JSON", "the answer is a", "agent_response_invalid_format"],
    ["a list", [right], "agent_response_invalid_format"],
    ["without a status", { task_type: "RETRIEVE", retrieved_data: ["a", "b"] }, "agent_response_keys_mismatch"],
    ["of another type", { ...right, task_type: "NAVIGATE" }, "agent_response.task_type_mismatch"],
    ["with a number for a status", { ...right, status: 200 }, "agent_response.status_mismatch"],
    ["without data", { ...right, retrieved_data: [] }, "retrieved_data_missing_or_null"],
    ["short", { ...right, retrieved_data: ["a"] }, "retrieved_data_array_values_mismatch"],
    ["long", { ...right, retrieved_data: ["a", "b", "c"] }, "retrieved_data_array_values_mismatch"],
    ["a guess at everything", { ...right, retrieved_data: ["a", ["b", "c"]] }, "retrieved_data_array_values_mismatch"],
    ["a pattern", { ...right, retrieved_data: ["^.*$", "^.*$"] }, "retrieved_data_array_values_mismatch"],
  ])("that is %s fails and says why", (_what, response, name) => {
    const result = respond(response);
    expect(result.status).toBe("failure");
    expect(result.evaluators_results[0]?.assertions?.map((one) => one.assertion_name)).toContain(name);
  });

  it("keeps its order where order counts, and its objects their members", () => {
    const schema = { type: "array", items: { type: "object", properties: { n: { type: "number" } } } };
    const task = reference("retrieve", [{ n: 1 }, { n: 2 }], schema);
    const backwards = { ...right, retrieved_data: [{ n: "2" }, { n: "one" }] };
    expect(respond(backwards, task).status).toBe("success");
    const first = task.eval[0]!;
    const ordered = WebArenaVerifiedReference.parse({ ...task, eval: [{ ...first, ordered: true }] });
    expect(respond(backwards, ordered).status).toBe("failure");
    expect(respond({ ...right, retrieved_data: [{ n: 1 }, { n: 2, m: 3 }] }, task).status).toBe("failure");
  });

  it("that a task cannot judge is an error and no failure", () => {
    const broken = reference("retrieve", ["few"], { type: "array", items: { type: "number" } });
    const result = respond(right, broken);
    expect(result).toMatchObject({ status: "error", evaluators_results: [{ error_msg: expect.any(String) }] });
    expect(verifiedEvaluation(result)).toMatchObject({ verdict: "unknown" });
  });
});

type Body = { mimeType: string; text: string };

interface Sent {
  method?: string;
  url?: string;
  status?: number;
  headers?: Record<string, string>;
  body?: Body;
  content?: object;
  /** Of a body that was not kept. */
  size?: number;
  cookies?: Record<string, string>;
}

function events(...sent: Sent[]): NetworkEvent[] {
  const pairs = (record: Record<string, string> = {}): object[] =>
    Object.entries(record).map(([name, value]) => ({ name, value }));
  const entries = sent.map(({ method = "POST", url = "http://git.test/notes", status = 200, ...rest }) => ({
    request: { method, url, headers: pairs(rest.headers), ...(rest.body === undefined ? {} : { postData: rest.body }) },
    response: {
      status,
      cookies: pairs(rest.cookies),
      ...(rest.size === undefined ? {} : { content: { mimeType: "application/json", size: rest.size } }),
      ...(rest.content === undefined
        ? {}
        : { content: { mimeType: "application/json", text: JSON.stringify(rest.content) } }),
    },
  }));
  return readHar(Buffer.from(JSON.stringify({ log: { entries } })), "test.har").events;
}

const form = (text: string): Body => ({ mimeType: "application/x-www-form-urlencoded", text });
const json = (value: unknown): Body => ({ mimeType: "application/json", text: JSON.stringify(value) });
const done = { task_type: "MUTATE", status: "SUCCESS", retrieved_data: null };

function network(check: object, recorded: NetworkEvent[], taskType = "mutate"): string {
  const task = reference(taskType, null, { type: "null" }, { evaluator: "NetworkEventEvaluator", ...check });
  const response = { ...done, task_type: taskType };
  return evaluateVerified({ reference: task, response, events: recorded, sites }).status;
}

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

describe("an episode that has ended", () => {
  const never = new AbortController().signal;
  const task = reference("mutate", null, { type: "null" });
  const left = { answer: JSON.stringify(done), page: null, sites, har: Buffer.from('{"log": {"entries": []}}') };

  it("is judged by its reference's kind, and undecided where its log cannot be read", async () => {
    expect(await evaluateWebReference(task, left, never)).toMatchObject({ verdict: "success", score: 1 });
    expect(await evaluateWebReference(task, { ...left, answer: "N/A" }, never)).toMatchObject({ verdict: "failure" });
    const unreadable = await evaluateWebReference(task, { ...left, har: Buffer.from("{") }, never);
    expect(unreadable).toMatchObject({ verdict: "unknown", detail: expect.stringContaining("network.har") });
    const page = WebArenaReference.parse({
      kind: "webarena",
      taskId: 1,
      intent: "",
      sites: ["gitlab"],
      variant: "webarena",
      eval: { eval_types: ["string_match"], reference_answers: { exact_match: "yes" } },
    });
    expect(await evaluateWebReference(page, { ...left, answer: "Yes" }, never)).toMatchObject({ verdict: "success" });
  });
});

describe("whatever an agent answers and a log holds", () => {
  const schema = {
    type: "array",
    items: {
      type: "object",
      properties: Object.fromEntries(
        ["string", "number", "currency", "date", "month", "duration", "distance", "boolean", "url", "coordinates"].map(
          (name) => [name, { type: "string", format: name }],
        ),
      ),
    },
  };
  const data = {
    string: "a",
    number: 1,
    currency: 1,
    date: "2024-01-15",
    month: "May",
    duration: "1h",
    distance: "1 km",
    boolean: true,
    url: "__GITLAB__/a",
    coordinates: { latitude: 1, longitude: 2 },
  };
  const task = reference("retrieve", [data], schema);

  it("never passes by chance, and never is more than a failure", () => {
    const json = fc.jsonValue({ maxDepth: 4 }) as fc.Arbitrary<Json>;
    const member = fc.constantFrom(...Object.keys(data));
    const response = fc.oneof(
      json,
      fc.string(),
      fc.record({ task_type: json, status: json, retrieved_data: json }),
      fc.record({
        task_type: fc.constant("RETRIEVE"),
        status: fc.constant("SUCCESS"),
        retrieved_data: fc.tuple(fc.tuple(member, json).map(([name, value]) => ({ ...data, [name]: value }))),
      }),
    );
    fc.assert(
      fc.property(response as fc.Arbitrary<Json>, (given) => {
        const result = respond(given, task);
        expect(result.status).not.toBe("error");
        if (result.status === "success") expect(respond(JSON.stringify(given), task).status).toBe("success");
      }),
      { numRuns: 500 },
    );
  });

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
