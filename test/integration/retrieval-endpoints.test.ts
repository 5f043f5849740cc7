// What the service answers beside searches and ids, on a real NATS server, to our client and to one in Python.
// Requirements: 4.7.service, 4.7.binary, 4.7.batching, 4.7.interop, 4.5.window
import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { embed } from "@hindcast/index-core";
import {
  decodeVectorAnswer,
  type Demonstration,
  demonstrationText,
  encodeVectorQuestion,
  estimateTokens,
  RetrievalExplainRequest,
  RetrievalHealth,
  RetrievalHealthRequest,
  type RetrievalQuery,
  RetrievalReply,
  RetrievalRequest,
  subjects,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { connect } from "nats";
import { afterAll, beforeAll, expect, test } from "vitest";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { pythonWithNats } from "../support/python.ts";
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

async function search(query: Partial<RetrievalQuery>, minSequence: number | null = null): Promise<RetrievalReply> {
  const queries = [aRetrievalQuery(query)];
  return await client.request({
    subject: subjects.retrievalSearch,
    request: RetrievalRequest,
    reply: RetrievalReply,
    value: { v: 1, kind: "retrieval.search", queries, minSequence, deadlineMs: 5_000 },
  });
}

const idsOf = (reply: RetrievalReply): string[] =>
  reply.answers.flatMap(({ hits }) => hits.map(({ demonstration }) => demonstration.id));

test("vectors in, ids out: what their texts would find, in bytes", async () => {
  const minSequence = await put(
    aDemonstrationOf("vec-1", { environment: "vec", instruction: "Rename a branch" }),
    aDemonstrationOf("vec-2", { environment: "vec", instruction: "Delete a remote", steps: [{ command: "git push" }] }),
  );
  const vectors = await embed(["rename the branch", "delete the remote"]);
  const frame = { dimensions: 1_024, k: 2, vectors };
  const wanted = { environment: "vec", embedder: "hash-v1", minSequence };
  const payload = encodeVectorQuestion({ ...frame, search: wanted });
  const answer = decodeVectorAnswer(await client.ask({ subject: subjects.retrievalVectors, payload }));
  expect(answer.ids).toEqual(["demo-vec-1", "demo-vec-2", "demo-vec-2", "demo-vec-1"]);
  expect(answer.counts).toEqual(Uint32Array.of(2, 2));
  expect(answer.indexSequence).toBeGreaterThanOrEqual(minSequence);

  const foreign = encodeVectorQuestion({ ...frame, search: { ...wanted, embedder: "gemini" } });
  await expect(client.ask({ subject: subjects.retrievalVectors, payload: foreign })).rejects.toMatchObject({
    code: "INDEX_INVALID",
    message: expect.stringMatching(/gemini .* hash-v1/),
  });
  const broken = client.ask({ subject: subjects.retrievalVectors, payload: Uint8Array.of(1, 1, 0, 0) });
  await expect(broken).rejects.toMatchObject({ code: "PROTOCOL_INVALID", retryable: false });
});

test("a window returns the steps around the match, and the budget counts only them", async () => {
  const text = (n: number): string => `state ${n} ${"x".repeat(400)}`;
  const steps = Array.from({ length: 9 }, (_, n) => ({ command: `step ${n}`, observation: text(n) }));
  const minSequence = await put(aDemonstrationOf("long", { environment: "long", initial: "start", steps }));
  const query = { environment: "long", observation: text(4), modelBased: 0, window: { before: 1, after: 2 } };
  const [hit] = (await search(query, minSequence)).answers[0]?.hits ?? [];
  expect(hit?.reference.position).toBe(5);
  expect(hit?.window).toEqual({ from: 4, to: 7 });
  const commands = hit?.demonstration.steps.map(({ action }) => action);
  expect(commands).toMatchObject([4, 5, 6].map((n) => ({ command: `step ${n}` })));
  expect(hit?.demonstration.initial).toMatchObject({ text: text(3) });
  const tokens = hit?.tokens ?? 0;
  // Each part is rounded up by itself.
  const counted = estimateTokens(demonstrationText(hit!.demonstration));
  expect(tokens).toBeGreaterThanOrEqual(counted);
  expect(tokens).toBeLessThan(counted + 10);
  expect(idsOf(await search({ ...query, tokenBudget: tokens }))).toEqual(["demo-long"]);
  expect(idsOf(await search({ ...query, tokenBudget: tokens - 1 }))).toEqual([]);
  expect(idsOf(await search({ ...query, tokenBudget: tokens, window: null }))).toEqual([]);
});

test("explain says how an answer was found, and health whether answers are complete", async () => {
  const minSequence = await put(aDemonstrationOf("tag", { environment: "git", instruction: "Create a tag" }));
  const query = { environment: "git", query: "tag" };
  const explained = await client.request({
    subject: subjects.retrievalExplain,
    request: RetrievalExplainRequest,
    reply: RetrievalReply,
    value: { v: 1, kind: "retrieval.explain", queries: [aRetrievalQuery(query)], minSequence, deadlineMs: 5_000 },
  });
  expect(explained.answers[0]?.explain?.parts[0]?.rows).toBeGreaterThan(0);
  expect((await search(query)).answers[0]?.explain).toBeNull();
  const health = await client.request({
    subject: subjects.retrievalHealth,
    request: RetrievalHealthRequest,
    reply: RetrievalHealth,
    value: { v: 1, kind: "retrieval.health" },
  });
  expect(health).toMatchObject({ ready: true, sequence: minSequence, lag: 0, problem: null });
});

test("requests that come at once are joined into fewer calls, and each gets its own answer", async () => {
  const demonstrations = Array.from({ length: 40 }, (_, n) =>
    aDemonstrationOf(`many-${n}`, {
      environment: "many",
      instruction: `Count to ${n} and ${n + 100}`,
      steps: [{ command: `seq ${n}` }],
    }),
  );
  const minSequence = await put(...demonstrations);
  await search({ environment: "many", query: "count" }, minSequence);
  const calls = async (): Promise<{ requests: number; calls: number }> => {
    const metric = await replica.registry.getSingleMetric("hindcast_retrieval_batch_requests")?.get();
    const values = (metric?.values ?? []) as { metricName?: string; value: number; labels: { kind?: string } }[];
    const value = (suffix: string): number =>
      values.find(({ metricName, labels }) => labels.kind === "search" && metricName?.endsWith(`_${suffix}`) === true)
        ?.value ?? 0;
    return { requests: value("sum"), calls: value("count") };
  };
  const before = await calls();
  const found = await Promise.all(
    demonstrations.map((_, n) =>
      search({ environment: "many", query: `count to ${n} and ${n + 100}`, modelBased: 1, observationBased: 0 }),
    ),
  );
  expect(found.map(idsOf)).toEqual(demonstrations.map(({ id }) => [id]));
  const after = await calls();
  expect(after.requests - before.requests).toBe(40);
  expect(after.calls - before.calls).toBeLessThan(30);
});

test("an agent with the older nats client asks in bytes and in JSON", async () => {
  const minSequence = await put(aDemonstrationOf("old-1", { environment: "old", instruction: "List the remotes" }));
  const { servers, credentials, inboxPrefix } = nats.options("client");
  const connection = await connect({ servers, user: credentials.user, pass: credentials.password, inboxPrefix });
  const vectors = await embed(["list remotes"]);
  const wanted = { environment: "old", embedder: "hash-v1", minSequence };
  const payload = encodeVectorQuestion({ dimensions: 1_024, k: 1, vectors, search: wanted });
  const reply = await connection.request(subjects.retrievalVectors, payload);
  expect(decodeVectorAnswer(reply.data).ids).toEqual(["demo-old-1"]);
  const health = await connection.request(subjects.retrievalHealth, '{"v":1,"kind":"retrieval.health"}');
  expect(health.json()).toMatchObject({ ready: true });
  await connection.close();
});

// Built from shared/docs/protocol.md alone.
const pythonAgent = `
import asyncio, json, os, struct
import nats


async def main() -> None:
    connection = await nats.connect(os.environ["NATS_URL"], user="client", password=os.environ["NATS_PASSWORD"], inbox_prefix=b"_INBOX_client")
    nothing = {"demonstrations": [], "tasks": [], "documents": [], "episodes": []}
    query = {"environment": "python", "observation": None, "query": "show the log", "observationBased": 0, "modelBased": 2,
             "filter": None, "exclude": nothing, "perTrajectoryMax": 1, "tokenBudget": 4000}
    request = {"v": 1, "kind": "retrieval.explain", "queries": [query], "minSequence": int(os.environ["SEQUENCE"]), "deadlineMs": 5000}
    reply = await connection.request("hindcast.retrieval.explain", json.dumps(request).encode(), timeout=10)
    answer = json.loads(reply.data)["answers"][0]
    print(json.dumps([hit["demonstration"]["id"] for hit in answer["hits"]]), answer["explain"] is not None)

    vector = [0.0] * 1024
    vector[3] = 1.0
    tail = json.dumps({"environment": "python", "embedder": "hash-v1"}).encode()
    frame = struct.pack("<BBHHHII", 1, 1, 1024, 5, 1, 0, len(tail)) + struct.pack("<1024f", *vector) + tail
    reply = await connection.request("hindcast.retrieval.vectors", frame, timeout=10)
    data = reply.data
    version, kind, queries, hits, id_bytes, tail_bytes = struct.unpack_from("<BBHIII", data)
    at = 24
    counts = struct.unpack_from(f"<{queries}I", data, at); at += 4 * queries
    scores = struct.unpack_from(f"<{hits}f", data, at); at += 4 * hits
    offsets = struct.unpack_from(f"<{hits + 1}I", data, at); at += 4 * (hits + 1)
    ids = [data[at + offsets[n]:at + offsets[n + 1]].decode() for n in range(hits)]
    print(version, kind, list(counts), sorted(ids), "epoch" in json.loads(data[at + id_bytes:at + id_bytes + tail_bytes]))

    reply = await connection.request("hindcast.retrieval.vectors", b"nonsense, and long enough", timeout=10)
    print(reply.headers["Nats-Service-Error-Code"], json.loads(reply.data)["code"])
    await connection.close()


asyncio.run(main())
`;

test("an agent in Python asks in JSON and in bytes", { timeout: 120_000 }, async (context) => {
  const found = await pythonWithNats();
  if ("reason" in found) return context.skip(found.reason);
  const sequence = await put(
    aDemonstrationOf("py-1", { environment: "python", instruction: "Show the log of commits" }),
    aDemonstrationOf("py-2", { environment: "python", instruction: "Other things", steps: [{ command: "true" }] }),
  );
  const { servers, credentials } = nats.options("client");
  const env = {
    PATH: process.env.PATH ?? "",
    NATS_URL: servers,
    NATS_PASSWORD: credentials.password,
    SEQUENCE: String(sequence),
  };
  const { stdout } = await promisify(execFile)(found.python, ["-c", pythonAgent], { env });
  expect(stdout.trim().split("\n")).toEqual([
    '["demo-py-1", "demo-py-2"] True',
    "1 2 [2] ['demo-py-1', 'demo-py-2'] True",
    "400 PROTOCOL_UNKNOWN_VERSION",
  ]);
});
