// Requirements: 5.6.endpoints, 5.6.any-order, 5.6.expiry
// Both batch endpoints, through the official SDKs, against emulators that refuse what the real services refuse.
import { createBatchDriver, createModel, ModelSettings, outputSchema, requestHashOf } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { geminiSchema } from "../../shared/src/node/model/batch/gemini-schema.ts";
import type { BatchDriver, BatchEntry, BatchItem } from "../../shared/src/node/model/batch/batch-driver.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { EmulatedBatches } from "../support/emulators/batches.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startGeminiEmulator } from "../support/emulators/gemini.ts";
import { aRequest, noAbort } from "./model-fixtures.ts";

interface BatchCase {
  name: string;
  model: string;
  start: () => Promise<Emulator & { batches: EmulatedBatches }>;
  settings: (emulator: { url: string; apiKey: string }) => ModelSettings;
}

const cases: BatchCase[] = [
  {
    name: "anthropic",
    model: "anthropic:claude-sonnet-5-5",
    start: startAnthropicEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ anthropic: { apiKey, baseUrl: url } }),
  },
  {
    name: "gemini",
    model: "gemini:gemini-3.8-flash",
    start: startGeminiEmulator,
    settings: ({ url, apiKey }) => ModelSettings.parse({ gemini: { apiKey, baseUrl: url } }),
  },
];

const Vote = z.strictObject({ reason: z.string(), note: z.string().nullable(), score: z.literal([1, 2, 3]) });
const vote = { kind: "json" as const, name: "vote", schema: outputSchema(Vote) };
const idOf = (i: number): string => `item-${i}`;
const idsOf = (entries: readonly BatchEntry[]): Set<string> => new Set(entries.map(({ customId }) => customId));

/** Requests whose prompts tell them apart. */
const entriesOf = (count: number): BatchEntry[] =>
  Array.from({ length: count }, (_, i) => ({
    customId: idOf(i),
    request: aRequest({
      output: vote,
      messages: [{ role: "user", content: [{ kind: "text", text: `question ${i}.` }] }],
    }),
  }));

/** Answers with what it was asked, wherever the protocol puts the prompt. */
const echo = ({ body }: RecordedRequest) => {
  const question = /question (\d+)\./.exec(JSON.stringify(body))?.[1] ?? "none";
  return { kind: "answer" as const, text: JSON.stringify({ reason: `to ${question}`, note: null, score: 2 }) };
};

async function world(
  each: BatchCase,
): Promise<AsyncDisposable & { emulator: Emulator & { batches: EmulatedBatches }; driver: BatchDriver }> {
  const emulator = await each.start();
  emulator.replyAlways(echo);
  const driver = createBatchDriver(each.model, each.settings(emulator));
  return { emulator, driver, [Symbol.asyncDispose]: () => emulator[Symbol.asyncDispose]() };
}

async function untilEnded(driver: BatchDriver, id: string): Promise<string> {
  for (let polls = 0; polls < 10; polls += 1) {
    const { state } = await driver.poll(id, noAbort);
    if (state !== "running") return state;
  }
  return "running";
}

async function resultsOf(driver: BatchDriver, id: string, ids: ReadonlySet<string>): Promise<BatchItem[]> {
  const items: BatchItem[] = [];
  for await (const item of driver.results(id, ids, noAbort)) items.push(item);
  return items;
}

describe.each(cases)("batches of $name", (each) => {
  it("are answered some time later, each request by its own id, in another order", async () => {
    await using it = await world(each);
    const entries = entriesOf(12);
    const id = await it.driver.submit({ name: "bat-1", entries }, noAbort);
    expect(await it.driver.poll(id, noAbort)).toMatchObject({ state: "running" });
    expect(await untilEnded(it.driver, id)).toBe("ended");
    const items = await resultsOf(it.driver, id, idsOf(entries));
    expect(items.map(({ customId }) => customId)).not.toEqual(entries.map(({ customId }) => customId));
    expect(new Set(items.map(({ customId }) => customId))).toEqual(idsOf(entries));
    for (const { customId, outcome } of items) {
      const answer = outcome.kind === "answer" ? outcome.answer : null;
      expect(Vote.parse(JSON.parse(answer?.text ?? "")).reason).toBe(`to ${customId.slice("item-".length)}`);
      expect(answer).toMatchObject({ stop: "end", resolvedModel: each.model.split(":")[1] });
      expect(answer?.usage?.inputTokens).toBeGreaterThan(0);
    }
    expect(it.emulator.batches.bought).toHaveLength(12);
  });

  it("hold what single calls would have said, and share their journal keys", async () => {
    await using it = await world(each);
    const [entry] = entriesOf(1);
    if (entry === undefined) throw new Error("no entry");
    const single = createModel(each.model, each.settings(it.emulator));
    const alone = await single.complete(entry.request, noAbort);
    const id = await it.driver.submit({ name: "bat-1", entries: [entry] }, noAbort);
    await untilEnded(it.driver, id);
    const [item] = await resultsOf(it.driver, id, idsOf([entry]));
    expect(item?.outcome).toMatchObject({ kind: "answer", answer: { text: alone.text, stop: alone.stop } });
    expect(requestHashOf(it.driver.driver, entry.request)).toBe(alone.requestHash);
    const body = it.emulator.requests[0]?.body ?? {};
    const batched = JSON.parse(it.emulator.batches.bought[0] ?? "{}") as Record<string, unknown>;
    if (each.name === "anthropic") expect({ ...batched, stream: true }).toEqual(body);
    else expect(batched["contents"]).toEqual(body["contents"]);
  });

  it("tell apart what was answered, refused, overloaded and expired", async () => {
    await using it = await world(each);
    const entries = entriesOf(4);
    it.emulator.batches.fate = ({ id }) =>
      id === idOf(1) ? "expired" : id === idOf(2) ? { kind: "failure", reason: "overloaded" } : "answer";
    const broken = {
      ...entries[3],
      customId: idOf(3),
      request: aRequest({
        outputTokensMax: 16,
        messages: [
          { role: "user" as const, content: [{ kind: "text" as const, text: "question 3." }] },
          { role: "assistant" as const, content: [{ kind: "text" as const, text: "prefilled" }] },
        ],
      }),
    };
    const all = [...entries.slice(0, 3), broken];
    const id = await it.driver.submit({ name: "bat-1", entries: all }, noAbort);
    expect(await untilEnded(it.driver, id)).toBe("ended");
    const items = new Map((await resultsOf(it.driver, id, idsOf(all))).map((item) => [item.customId, item.outcome]));
    expect(items.get(idOf(0))).toMatchObject({ kind: "answer" });
    expect(items.get(idOf(1))).toEqual({ kind: "expired" });
    expect(items.get(idOf(2))).toMatchObject({ kind: "failed", failure: { kind: "overloaded", isRetried: true } });
    expect(items.get(idOf(3))).toMatchObject({
      kind: "failed",
      failure: { kind: "request-invalid", isRetried: false },
    });
    expect(it.emulator.batches.bought).toHaveLength(1);
  });

  it("can be found again when the answer to the submission was lost", async () => {
    await using it = await world(each);
    const [other, mine] = [
      entriesOf(3),
      entriesOf(3).map((entry) => ({ ...entry, customId: `mine-${entry.customId}` })),
    ];
    const lost = { name: "bat-mine", customIds: idsOf(mine), sinceMs: Date.now() - 1_000, knownIds: new Set<string>() };
    expect(await it.driver.find(lost, noAbort)).toEqual({ kind: "absent" });
    await it.driver.submit({ name: "bat-other", entries: other }, noAbort);
    it.emulator.batches.goWrong({ on: "create", as: "lost" });
    await expect(it.driver.submit({ name: "bat-mine", entries: mine }, noAbort)).rejects.toMatchObject({
      name: "DriverFailure",
      status: null,
    });
    expect(it.emulator.batches.jobs).toHaveLength(2);
    const early = await it.driver.find(lost, noAbort);
    // Where batches have no names of ours, only the results tell whose they are.
    expect(early.kind).toBe(each.name === "anthropic" ? "undecided" : "found");
    it.emulator.batches.pollsUntilEnd = 0;
    for (const job of it.emulator.batches.jobs) {
      await it.driver.poll(each.name === "anthropic" ? `msgbatch_${job.id}` : `batches/${job.id}`, noAbort);
    }
    const found = await it.driver.find(lost, noAbort);
    if (found.kind !== "found") throw new Error(`expected to find it, got ${found.kind}`);
    expect(await resultsOf(it.driver, found.id, lost.customIds)).toHaveLength(3);
  });

  it.each(["create", "poll", "results"] as const)("report trouble at %s as what it is", async (on) => {
    await using it = await world(each);
    const entries = entriesOf(2);
    const submit = (): Promise<string> => it.driver.submit({ name: "bat-1", entries }, noAbort);
    const failing = async (): Promise<unknown> => {
      if (on === "create") return submit();
      const id = await submit();
      if (on === "poll") return it.driver.poll(id, noAbort);
      await untilEnded(it.driver, id);
      return resultsOf(it.driver, id, idsOf(entries));
    };
    it.emulator.batches.goWrong(
      { on, as: { kind: "failure", reason: "rate-limit", retryAfterSeconds: 7 } },
      { on, as: { kind: "failure", reason: "overloaded" } },
      { on, as: { kind: "failure", reason: "key-revoked" } },
    );
    const seen = [];
    for (let i = 0; i < 3; i += 1) seen.push(await failing().catch((error: unknown) => error));
    expect(seen).toMatchObject([
      { kind: "rate-limited", isRetried: true },
      { kind: "overloaded", isRetried: true },
      { kind: "unauthorized", isRetried: false },
    ]);
    expect(seen.map(String).join()).not.toContain(it.emulator.apiKey);
    await expect(failing()).resolves.toBeDefined();
  });

  it("never take a list of results that was cut for a short one", async () => {
    await using it = await world(each);
    const entries = entriesOf(6);
    const id = await it.driver.submit({ name: "bat-1", entries }, noAbort);
    await untilEnded(it.driver, id);
    it.emulator.batches.goWrong({ on: "results", as: "cut" });
    await expect(resultsOf(it.driver, id, idsOf(entries))).rejects.toMatchObject({ name: "DriverFailure" });
    expect(await resultsOf(it.driver, id, idsOf(entries))).toHaveLength(6);
  });

  it("keep what was finished when they are cancelled", async () => {
    await using it = await world(each);
    const entries = entriesOf(4);
    it.emulator.batches.isHeld = true;
    const id = await it.driver.submit({ name: "bat-1", entries }, noAbort);
    await it.driver.cancel(id, noAbort);
    expect(await untilEnded(it.driver, id)).toBe("ended");
    const kinds = (await resultsOf(it.driver, id, idsOf(entries))).map(({ outcome }) => outcome.kind);
    expect(kinds.filter((kind) => kind === "answer")).toHaveLength(2);
    expect(it.emulator.batches.bought).toHaveLength(2);
  });
});

describe("the emulators", () => {
  it.each(["no such id!", "x".repeat(65)])("refuse a custom id that Anthropic refuses: %s", async (customId) => {
    await using it = await world(cases[0] as BatchCase);
    const entries = [{ customId, request: aRequest() }];
    await expect(it.driver.submit({ name: "bat-1", entries }, noAbort)).rejects.toMatchObject({
      kind: "request-invalid",
    });
    expect(it.emulator.batches.jobs).toHaveLength(0);
  });

  it.each(cases)("refuse ids that are not unique ($name)", async (each) => {
    await using it = await world(each);
    const entries = [1, 2].map(() => ({ customId: "same", request: aRequest() }));
    await expect(it.driver.submit({ name: "bat-1", entries }, noAbort)).rejects.toMatchObject({
      kind: "request-invalid",
    });
  });

  it("give no results of a batch that still runs, nor of one that was archived", async () => {
    await using it = await world(cases[0] as BatchCase);
    const entries = entriesOf(1);
    const id = await it.driver.submit({ name: "bat-1", entries }, noAbort);
    await expect(resultsOf(it.driver, id, idsOf(entries))).rejects.toMatchObject({ name: "DriverFailure" });
    const response = await fetch(`${it.emulator.url}/v1/messages/batches/${id}/results`, {
      headers: { "x-api-key": it.emulator.apiKey, "anthropic-version": "2026-10-21" },
    });
    expect(response.status).toBe(404);
    await untilEnded(it.driver, id);
    const [job] = it.emulator.batches.jobs;
    if (job !== undefined) job.state = "archived";
    expect(await it.driver.poll(id, noAbort)).toMatchObject({ state: "expired" });
  });
});

describe("models without a batch endpoint", () => {
  const apiKey = "some-key";
  it.each([
    ["openai:gpt-oss-120b", { openai: { apiKey } }],
    ["gemini:gemini-3.8-flash", { gemini: { apiKey, driver: "generative-ai" } }],
    ["offline:rules", {}],
  ])("are refused with a reason: %s", (id, settings) => {
    expect(() => createBatchDriver(id, ModelSettings.parse(settings))).toThrow(/no batch endpoint/);
  });
});

it("Gemini's older schema keeps the order, the nulls and the bounds of the newer one", () => {
  expect(geminiSchema(vote.schema)).toEqual({
    type: "OBJECT",
    properties: {
      reason: { type: "STRING" },
      note: { type: "STRING", nullable: true },
      score: { type: "INTEGER", minimum: 1, maximum: 3 },
    },
    propertyOrdering: ["reason", "note", "score"],
    required: ["reason", "note", "score"],
  });
});
