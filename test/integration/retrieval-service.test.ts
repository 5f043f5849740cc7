// The retrieval service on a real NATS server, asked by our client and by the older `nats` package.
// Requirements: 3.8.service, 3.8.rebuild, 3.bad.unknown-version
import {
  type Demonstration,
  type DemonstrationId,
  limits,
  RetrievalGetReply,
  RetrievalGetRequest,
  type RetrievalQuery,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  subjects,
  WireError,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { connect, RequestStrategy, ServiceVerb } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aReplica, type Replica } from "../support/replica.ts";
import { aDemonstrationOf, aRetrievalQuery } from "../support/retrieval.ts";

let nats: TestNats;
let coordinator: Bus;
let client: Bus;
let replica: Replica;

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  client = await nats.connect("client");
  replica = await aReplica(nats);
});

afterAll(async () => {
  await replica?.[Symbol.asyncDispose]();
  await nats?.[Symbol.asyncDispose]();
});

async function put(...demonstrations: Demonstration[]): Promise<number> {
  let sequence = 0;
  for (const demonstration of demonstrations) sequence = await coordinator.demonstrations.put(demonstration);
  return sequence;
}

async function search(query: Partial<RetrievalQuery>, more: Partial<RetrievalRequest> = {}): Promise<RetrievalReply> {
  const value: RetrievalRequest = {
    v: 1,
    kind: "retrieval.search",
    queries: [aRetrievalQuery(query)],
    minSequence: null,
    deadlineMs: 5_000,
    ...more,
  };
  return await client.request({
    subject: subjects.retrievalSearch,
    request: RetrievalRequest,
    reply: RetrievalReply,
    value,
  });
}

const idsOf = (reply: RetrievalReply): string[] =>
  reply.answers.flatMap(({ hits }) => hits.map(({ demonstration }) => demonstration.id));

/** What the service answers to these bytes. */
async function raw(subject: string, payload: string | Uint8Array): Promise<{ error: WireError; code: string }> {
  const { servers, credentials, inboxPrefix } = nats.options("client");
  const { user, password: pass } = credentials ?? { user: "", password: "" };
  const connection = await connect({ servers, user, pass, inboxPrefix });
  try {
    const reply = await connection.request(subject, payload, { timeout: 10_000 });
    return { error: WireError.parse(reply.json()), code: reply.headers?.get("Nats-Service-Error-Code") ?? "" };
  } finally {
    await connection.close();
  }
}

describe("search", () => {
  test("reads one's own writes: what was acknowledged is found when its sequence is asked for", async () => {
    for (let n = 0; n < 20; n += 1) {
      const minSequence = await put(
        aDemonstrationOf(`own-${n}`, { environment: "own", instruction: `Write number ${n}` }),
      );
      const reply = await search({ environment: "own", query: `write number ${n}`, modelBased: 50 }, { minSequence });
      expect(idsOf(reply)).toContain(`demo-own-${n}`);
      expect(reply.indexSequence).toBeGreaterThanOrEqual(minSequence);
    }
  });

  test("gives up with INDEX_NOT_READY when a sequence does not come within the deadline", async () => {
    const asked = search({}, { minSequence: 1_000_000, deadlineMs: 50 });
    await expect(asked).rejects.toMatchObject({ code: "INDEX_NOT_READY", boundary: "index", retryable: true });
  });

  test("finds by observation and by query, says why, and filters", async () => {
    const minSequence = await put(
      aDemonstrationOf("tag", {
        environment: "git",
        kind: "new-task",
        models: { act: "offline:rules" },
        initial: "On branch main\nnothing to commit",
        instruction: "Create an annotated tag named v1.0",
        steps: [{ command: "git tag -a v1.0 -m v1.0", summary: "The tag v1.0 was created." }],
      }),
      aDemonstrationOf("log", {
        environment: "git",
        kind: "replicate",
        initial: "fatal: your current branch does not have any commits yet",
        instruction: "Show the last commit on one line",
        steps: [{ command: "git log -1 --oneline", summary: "The last commit was shown." }],
      }),
    );
    const query = {
      environment: "git",
      observation: "On branch main\nnothing to commit",
      query: "show the newest commit",
      observationBased: 1,
    };
    const both = await search(query, { minSequence });
    expect(both.answers[0]?.hits.map(({ reference }) => reference)).toMatchObject([
      { demonstrationId: "demo-tag", retriever: "observation-exact", position: 0, rank: 0, score: 1 },
      { demonstrationId: "demo-log", retriever: "model-dense", position: null },
    ]);
    expect(both.tokenizer).toBe("bytes/4");
    expect(both.indexVersion).toMatch(/hash-v1/);
    expect(idsOf(await search({ ...query, filter: { eq: ["kind", "replicate"] } }))).toEqual(["demo-log"]);
    expect(idsOf(await search({ ...query, filter: { not: { in: ["model", ["offline:rules"]] } } }))).toEqual([
      "demo-log",
    ]);
  });

  test("never returns what an exclusion list names: the leakage guard", async () => {
    const minSequence = await put(
      aDemonstrationOf("leak-1", {
        environment: "leak",
        task: "task-held",
        instruction: "Same words",
        initial: "same",
      }),
      aDemonstrationOf("leak-2", {
        environment: "leak",
        document: "doc-held",
        instruction: "Same words now",
        initial: "same",
      }),
      aDemonstrationOf("leak-3", {
        environment: "leak",
        episode: "ep-held",
        instruction: "Same words then",
        initial: "same",
      }),
      aDemonstrationOf("leak-4", {
        environment: "leak",
        instruction: "Other",
        initial: "other",
        steps: [{ command: "true" }],
      }),
    );
    const query = {
      environment: "leak",
      observation: "same",
      query: "same words",
      modelBased: 50,
      observationBased: 50,
    };
    const exclude = { demonstrations: [], tasks: ["task-held"], documents: ["doc-held"], episodes: ["ep-held"] };
    expect(idsOf(await search(query, { minSequence })).length).toBeGreaterThan(1);
    expect(idsOf(await search({ ...query, exclude }))).toEqual(["demo-leak-4"]);
    expect(idsOf(await search({ ...query, exclude: { ...exclude, demonstrations: ["demo-leak-4"] } }))).toEqual([]);
  });

  test("packs an answer that exceeds the size of a message instead of failing", async () => {
    const long = "x".repeat(60_000);
    const demonstrations = Array.from({ length: 30 }, (_, n) =>
      aDemonstrationOf(`big-${n}`, {
        environment: "big",
        instruction: `Big ${n}`,
        steps: [{ command: `echo ${n}`, reason: long }],
      }),
    );
    const minSequence = await put(...demonstrations);
    const query = { environment: "big", query: "big", modelBased: 30 };
    const reply = await search(query, {
      minSequence,
      queries: [aRetrievalQuery(query), aRetrievalQuery({ ...query, modelBased: 1 })],
    });
    const [first, second] = reply.answers;
    expect(first?.hits.length).toBeGreaterThan(10);
    expect(first?.hits.length).toBeLessThan(30);
    expect((first?.hits.length ?? 0) + (first?.dropped.tokenBudget ?? 0)).toBe(30);
    expect(second?.hits.length).toBe(1);
  });

  test("refuses at once when too many searches are under way, and recovers", async () => {
    const held = Array.from({ length: limits.retrievalInFlightMax }, () =>
      search({}, { minSequence: 10_000_000, deadlineMs: 2_000 }).catch((error: unknown) => error),
    );
    // The service takes requests of one connection in order.
    await expect(search({})).rejects.toMatchObject({ code: "INDEX_OVERLOADED", retryable: true });
    for (const outcome of await Promise.all(held)) expect(outcome).toMatchObject({ code: "INDEX_NOT_READY" });
    await expect(search({})).resolves.toMatchObject({ v: 1 });
  });
});

describe("bad requests are answered with typed errors", () => {
  const request = (more: object): string =>
    JSON.stringify({
      v: 1,
      kind: "retrieval.search",
      queries: [aRetrievalQuery()],
      minSequence: null,
      deadlineMs: 100,
      ...more,
    });
  const nested = (depth: number): string => `${'{"not":'.repeat(depth)}{"and":[]}${"}".repeat(depth)}`;

  test.each([
    ["not JSON", "ceci n'est pas", "PROTOCOL_INVALID", "400"],
    ["empty", "", "PROTOCOL_INVALID", "400"],
    ["invalid UTF-8", new Uint8Array([0x7b, 0xff, 0x7d]), "PROTOCOL_INVALID", "400"],
    ["of an unknown version", request({ v: 2 }), "PROTOCOL_UNKNOWN_VERSION", "400"],
    ["without a version", request({ v: undefined }), "PROTOCOL_UNKNOWN_VERSION", "400"],
    ["with an unknown field", request({ surprise: true }), "PROTOCOL_INVALID", "400"],
    ["with no query", request({ queries: [] }), "PROTOCOL_INVALID", "400"],
    [
      "with 101 queries",
      request({ queries: Array.from({ length: 101 }, () => aRetrievalQuery()) }),
      "PROTOCOL_INVALID",
      "400",
    ],
    ["with k = 51", request({ queries: [aRetrievalQuery({ modelBased: 51 })] }), "PROTOCOL_INVALID", "400"],
    ["with k = -1", request({ queries: [aRetrievalQuery({ observationBased: -1 })] }), "PROTOCOL_INVALID", "400"],
    ["with NaN", request({}).replace('"deadlineMs":100', '"deadlineMs":NaN'), "PROTOCOL_INVALID", "400"],
    [
      "with an unknown filter column",
      request({ queries: [{ ...aRetrievalQuery(), filter: { eq: ["colour", "red"] } }] }),
      "PROTOCOL_INVALID",
      "400",
    ],
    [
      "with a filter nested 40 deep",
      request({ queries: ["FILTER"] }).replace(
        '"FILTER"',
        JSON.stringify(aRetrievalQuery()).replace('"filter":null', `"filter":${nested(40)}`),
      ),
      "INDEX_INVALID",
      "400",
    ],
    [
      "with a filter nested 20,000 deep",
      request({ queries: ["FILTER"] }).replace(
        '"FILTER"',
        JSON.stringify(aRetrievalQuery()).replace('"filter":null', `"filter":${nested(20_000)}`),
      ),
      "PROTOCOL_INVALID",
      "400",
    ],
    ["larger than a message", `{"v":1,"x":"${"y".repeat(limits.messageBytesMax)}"}`, "PROTOCOL_TOO_LARGE", "413"],
  ])("%s", async (_, payload, expected, number) => {
    const { error, code } = await raw(subjects.retrievalSearch, payload);
    expect(error).toMatchObject({ code: expected, retryable: false });
    expect(code).toBe(number);
  });

  test("and the service is still there", async () => {
    await expect(search({})).resolves.toMatchObject({ kind: "retrieval.found" });
  });
});

test("get returns demonstrations whole and names those that are missing", async () => {
  const stored = aDemonstrationOf("got", { environment: "get", instruction: "Größe \u0000 文件 😀" });
  await search({}, { minSequence: await put(stored) });
  const value = { v: 1 as const, kind: "retrieval.get" as const, ids: [stored.id, "demo-none" as DemonstrationId] };
  const reply = await client.request({
    subject: subjects.retrievalGet,
    request: RetrievalGetRequest,
    reply: RetrievalGetReply,
    value,
  });
  expect(reply.demonstrations).toEqual([stored]);
  expect(reply.missing).toEqual(["demo-none"]);
});

test("a replacement and a retirement are applied, and stats say where the index is", async () => {
  const one = aDemonstrationOf("re-1", { environment: "re", instruction: "First words" });
  await put(one, aDemonstrationOf("re-2", { environment: "re", instruction: "Others" }));
  await put(aDemonstrationOf("re-1", { environment: "re", instruction: "Second words", steps: [{ command: "pwd" }] }));
  const minSequence = await coordinator.demonstrations.retire("re", "demo-re-2" as DemonstrationId);
  const reply = await search(
    { environment: "re", query: "first second words others", modelBased: 50 },
    { minSequence },
  );
  expect(reply.answers[0]?.hits.map(({ demonstration }) => demonstration.instruction.text)).toEqual(["Second words"]);
  const value = { v: 1 as const, kind: "retrieval.stats" as const };
  const stats = await client.request({
    subject: subjects.retrievalStats,
    request: RetrievalStatsRequest,
    reply: RetrievalStats,
    value,
  });
  expect(stats).toMatchObject({ byEnvironment: { re: 1 }, indexSequence: minSequence, lag: 0 });
});

test("a message of the stream that cannot be read is counted and skipped", async () => {
  const { servers, credentials, inboxPrefix } = nats.options("coordinator");
  const { user, password: pass } = credentials ?? { user: "", password: "" };
  const connection = await connect({ servers, user, pass, inboxPrefix });
  const rejected = async (): Promise<number> => {
    const metric = await replica.registry.getSingleMetric("hindcast_retrieval_rejected_total")?.get();
    return metric?.values.find(({ labels }) => labels.reason === "unreadable")?.value ?? 0;
  };
  const before = await rejected();
  // One subject each: the stream keeps the newest message of a subject, and one that is replaced before it is read was never seen.
  for (const [at, payload] of ["{}", '{"v":9}', "\u0000\u0001"].entries()) {
    await connection.request(`hindcast.demonstration.shell.demo-damaged-${at}`, payload);
  }
  await connection.close();
  const after = await put(aDemonstrationOf("healthy", { environment: "damaged", instruction: "Still here" }));
  expect(idsOf(await search({ environment: "damaged", query: "still here" }, { minSequence: after }))).toEqual([
    "demo-healthy",
  ]);
  expect(await rejected()).toBe(before + 3);
});

test("the older nats client discovers the service, reads its statistics and searches", async () => {
  const { servers, credentials, inboxPrefix } = nats.options("client");
  const { user, password: pass } = credentials ?? { user: "", password: "" };
  const connection = await connect({ servers, user, pass, inboxPrefix });
  const services = connection.services.client({ strategy: RequestStrategy.Count, maxMessages: 1, maxWait: 2_000 });
  const collect = async <T>(found: Promise<AsyncIterable<T>>): Promise<T[]> => {
    const all: T[] = [];
    for await (const one of await found) all.push(one);
    return all;
  };
  const [ping] = await collect(services.ping("hindcast-retrieval"));
  const [info] = await collect(services.info("hindcast-retrieval"));
  expect(ping).toMatchObject({ type: `io.nats.micro.v1.${ServiceVerb.PING.toLowerCase()}_response`, version: "1.1.0" });
  expect(info?.endpoints.map(({ name, subject, queue_group: queue }) => [name, subject, queue])).toEqual([
    ["search", "hindcast.retrieval.search", "q"],
    ["get", "hindcast.retrieval.get", "q"],
    ["stats", "hindcast.retrieval.stats", "q"],
    ["explain", "hindcast.retrieval.explain", "q"],
    ["health", "hindcast.retrieval.health", "q"],
    ["vectors", "hindcast.retrieval.vectors", "q"],
  ]);
  const value = {
    v: 1,
    kind: "retrieval.search",
    queries: [aRetrievalQuery({ environment: "git", query: "tag" })],
    minSequence: null,
    deadlineMs: 1_000,
  };
  const reply = RetrievalReply.parse(
    (await connection.request(subjects.retrievalSearch, JSON.stringify(value))).json(),
  );
  expect(reply.answers[0]?.hits[0]?.demonstration.id).toBe("demo-tag");
  const [stats] = await collect(services.stats("hindcast-retrieval"));
  expect(stats?.endpoints?.[0]?.num_requests).toBeGreaterThan(0);
  await connection.close();
});

test("yesterday's requests, without today's fields, are answered", async () => {
  const {
    ranking: _ranking,
    window: _window,
    explain: _explain,
    mode: _mode,
    ...query
  } = aRetrievalQuery({
    environment: "git",
    query: "tag",
  });
  const { servers, credentials, inboxPrefix } = nats.options("client");
  const { user, password: pass } = credentials;
  const connection = await connect({ servers, user, pass, inboxPrefix });
  const request = { v: 1, kind: "retrieval.search", queries: [query], minSequence: null, deadlineMs: 1_000 };
  const reply = await connection.request(subjects.retrievalSearch, JSON.stringify(request));
  await connection.close();
  expect(idsOf(RetrievalReply.parse(reply.json()))).toContain("demo-tag");
});

test("a second replica rebuilds itself from the stream and answers like the first", async () => {
  const queries = ["git", "own", "leak", "re", "big"].map((environment) =>
    aRetrievalQuery({
      environment,
      observation: "On branch main\nnothing to commit",
      query: "create the last words number 7",
      tokenBudget: 20_000,
    }),
  );
  const before = await search({}, { queries });
  await replica[Symbol.asyncDispose]();
  await expect(search({})).rejects.toMatchObject({ code: "BUS_UNAVAILABLE" });
  replica = await aReplica(nats);
  const after = await search({}, { queries });
  expect(after.answers).toEqual(before.answers);
  expect(after.indexSequence).toBe(before.indexSequence);
});
