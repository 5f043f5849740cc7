// A corpus in two partitions on a real NATS server, against the same corpus in one index.
// Requirements: 4.7.partitions
import { DemonstrationIndex, embed } from "@hindcast/index-core";
import {
  decodeVectorAnswer,
  type Demonstration,
  encodeVectorQuestion,
  partitionOf,
  RetrievalGetReply,
  RetrievalGetRequest,
  RetrievalHealth,
  RetrievalHealthRequest,
  type RetrievalQuery,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  subjects,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aReplica, type Replica } from "../support/replica.ts";
import { aDemonstrationOf, aRetrievalQuery } from "../support/retrieval.ts";

let nats: TestNats;
let coordinator: Bus;
let client: Bus;
let whole: DemonstrationIndex;
let replicas: [Replica, Replica];
let last = 0;

const topics = "tag commit branch remote stash merge rebase log".split(" ");
const corpus: Demonstration[] = Array.from({ length: 60 }, (_, n) =>
  aDemonstrationOf(n, {
    instruction: `${topics[n % 8]} number ${n} in the ${topics[(n * 3) % 8]} way`,
    initial: n % 5 === 0 ? "On branch main" : `notice ${topics[n % 7]} ${n}`,
    episode: `ep-${n % 20}`,
    steps: [{ command: `git ${topics[n % 8]} ${n}`, observation: `done ${n}`, summary: `${topics[n % 6]} ${n}` }],
  }),
);

beforeAll(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  client = await nats.connect("client");
  whole = await DemonstrationIndex.open({});
  await whole.upsert(corpus);
  for (const demonstration of corpus) last = await coordinator.demonstrations.put(demonstration);
  replicas = [await aReplica(nats, { index: 0, of: 2 }), await aReplica(nats, { index: 1, of: 2 })];
});
afterAll(async () => {
  for (const replica of replicas ?? []) await replica[Symbol.asyncDispose]();
  await whole?.close();
  await nats?.[Symbol.asyncDispose]();
});

async function search(
  queries: Partial<RetrievalQuery>[],
  more: Partial<RetrievalRequest> = {},
): Promise<RetrievalReply> {
  const value = {
    v: 1 as const,
    kind: "retrieval.search" as const,
    queries: queries.map(aRetrievalQuery),
    minSequence: last,
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

const idsOf = (reply: RetrievalReply): string[][] =>
  reply.answers.map(({ hits }) => hits.map(({ demonstration }) => demonstration.id));

describe("a corpus in two partitions", () => {
  test("is divided: each replica holds its own part", async () => {
    for (const [index, replica] of replicas.entries()) {
      const own = corpus.filter(({ id }) => partitionOf(id, 2) === index);
      expect(own.length).toBeGreaterThan(15);
      expect((await replica.index.stats()).demonstrations).toBe(own.length);
    }
  });

  test("finds what one index finds where scores do not depend on the corpus's statistics", async () => {
    const queries = [
      { observation: "On branch main", observationBased: 12, modelBased: 0 },
      { observation: "On branch main", observationBased: 4, modelBased: 0, perTrajectoryMax: 1 },
    ];
    const reply = await search(queries);
    const expected = await whole.search(queries.map(aRetrievalQuery));
    expect(idsOf(reply)).toEqual(expected.map(({ hits }) => hits.map(({ demonstration }) => demonstration.id)));
    expect(reply.indexVersion).toBe(`${whole.version} partitions=2`);
    expect(reply.indexSequence).toBe(last);
  });

  test("gives as many hits as are asked for, from both partitions, each once and within the caps", async () => {
    const reply = await search([
      {
        observation: "On branch main",
        query: "tag a commit",
        observationBased: 4,
        modelBased: 10,
        perTrajectoryMax: 1,
      },
    ]);
    const hits = reply.answers[0]?.hits ?? [];
    expect(hits).toHaveLength(14);
    expect(new Set(hits.map(({ demonstration }) => demonstration.id)).size).toBe(14);
    expect(new Set(hits.map(({ demonstration }) => demonstration.lineage.episodeId)).size).toBe(14);
    expect(new Set(hits.map(({ demonstration }) => partitionOf(demonstration.id, 2)))).toEqual(new Set([0, 1]));
    const retrievers = hits.map(({ reference }) => reference.retriever);
    expect(retrievers.lastIndexOf("observation-exact")).toBe(3);
    expect(retrievers.slice(4)).toEqual(Array.from({ length: 10 }, () => "model-dense"));
    const scores = hits.slice(4).map(({ reference }) => reference.score);
    expect(scores).toEqual(scores.toSorted((left, right) => right - left));
  });

  test("spends the budget once, and merges fused rankings by place", async () => {
    const free = (await search([{ query: "tag", modelBased: 8 }])).answers[0]?.hits ?? [];
    const tokenBudget = (free[0]?.tokens ?? 0) + (free[1]?.tokens ?? 0);
    const [tight] = (await search([{ query: "tag", modelBased: 8, tokenBudget }])).answers;
    expect(tight?.hits.reduce((sum, { tokens }) => sum + tokens, 0)).toBeLessThanOrEqual(tokenBudget);
    expect((tight?.hits.length ?? 0) + (tight?.dropped.tokenBudget ?? 0)).toBe(8);
    const ranking = { fusion: "rrf" as const, rrfK: 60, mmrLambda: null, utilityWeight: 0 };
    const [fused] = (await search([{ query: "tag", observation: "On branch main", ranking }])).answers;
    expect(fused?.hits).toHaveLength(10);
  });

  test("answers queries of different kinds in one message, each in its place", async () => {
    const reply = await search([
      { query: "tag", modelBased: 3 },
      { observation: "On branch main", observationBased: 2, modelBased: 0 },
      { modelBased: 0, observationBased: 0 },
      { query: "merge", observation: "On branch main", observationBased: 1, modelBased: 1 },
    ]);
    expect(idsOf(reply).map((ids) => ids.length)).toEqual([3, 2, 0, 2]);
  });

  test("gives the nearest vectors of all partitions, as one index does", async () => {
    const vectors = await embed(["tag number 8", "rebase the remote"]);
    const request = { environment: "shell", embedder: "hash-v1", filter: null };
    const exclude = { demonstrations: [], tasks: [], documents: [], episodes: [] };
    const expected = await whole.searchVectors({ ...request, exclude, vectors, k: 7 });
    const payload = encodeVectorQuestion({ dimensions: 1_024, k: 7, vectors, search: request });
    const answer = decodeVectorAnswer(await client.ask({ subject: subjects.retrievalVectors, payload }));
    expect(answer.ids).toEqual(expected.ids);
    expect(answer.counts).toEqual(Uint32Array.of(7, 7));
    expect(answer.scores).toEqual(expected.scores);
  });

  test("gives demonstrations by id, counts all, and is healthy", async () => {
    const ids = [corpus[0]!.id, corpus[1]!.id, "demo-none" as Demonstration["id"], corpus[2]!.id];
    const got = await client.request({
      subject: subjects.retrievalGet,
      request: RetrievalGetRequest,
      reply: RetrievalGetReply,
      value: { v: 1, kind: "retrieval.get", ids },
    });
    expect(got.demonstrations.map(({ id }) => id)).toEqual([ids[0], ids[1], ids[3]]);
    expect(got.missing).toEqual(["demo-none"]);
    expect(await stats()).toMatchObject({ demonstrations: 60, byEnvironment: { shell: 60 }, lag: 0 });
    expect(await health()).toMatchObject({ ready: true, sequence: last, problem: null });
  });

  test("fails for a missing partition, naming it, instead of answering short", async () => {
    await replicas[1][Symbol.asyncDispose]();
    const startedAt = performance.now();
    const refused = { code: "INDEX_NOT_READY", retryable: true, message: expect.stringMatching(/partition 1 of 2/) };
    await expect(search([{ query: "tag" }])).rejects.toMatchObject(refused);
    expect(performance.now() - startedAt).toBeLessThan(1_000);
    expect(await health()).toMatchObject({ ready: false, problem: expect.stringMatching(/partition 1 of 2/) });
    await expect(stats()).rejects.toMatchObject(refused);
    replicas[1] = await aReplica(nats, { index: 1, of: 2 });
    expect(idsOf(await search([{ query: "tag", modelBased: 4 }]))[0]).toHaveLength(4);
  });

  test("waits for a sequence in all partitions within the deadline", async () => {
    await expect(search([{ query: "tag" }], { minSequence: 10_000, deadlineMs: 100 })).rejects.toMatchObject({
      code: "INDEX_NOT_READY",
    });
    last = await coordinator.demonstrations.put(aDemonstrationOf("late", { instruction: "bisect a regression" }));
    expect(idsOf(await search([{ query: "bisect a regression", modelBased: 1 }]))).toEqual([["demo-late"]]);
  });

  test("refuses a replica that counts partitions differently", async () => {
    await using _stranger = await aReplica(nats, { index: 0, of: 3 });
    const outcomes = await Promise.allSettled(Array.from({ length: 12 }, () => search([{ query: "tag" }])));
    const reasons = outcomes.flatMap((one) => (one.status === "rejected" ? [one.reason as Error] : []));
    expect(reasons.length).toBeGreaterThan(0);
    for (const reason of reasons) expect(reason.message).toMatch(/cannot be compared|partition 2 of 3 does not answer/);
  });
});

async function stats(): Promise<RetrievalStats> {
  return await client.request({
    subject: subjects.retrievalStats,
    request: RetrievalStatsRequest,
    reply: RetrievalStats,
    value: { v: 1, kind: "retrieval.stats" },
  });
}

async function health(): Promise<RetrievalHealth> {
  return await client.request({
    subject: subjects.retrievalHealth,
    request: RetrievalHealthRequest,
    reply: RetrievalHealth,
    value: { v: 1, kind: "retrieval.health" },
  });
}
