// Requirements: 5.5.pause, 5.6.resume, 5.6.any-order, 5.6.expiry, 5.6.price
// Batches on the real bus: whatever dies and whoever asks, an answer is bought once and reaches everybody who waits.
import { setTimeout as delay } from "node:timers/promises";
import type { Purpose } from "@hindcast/shared";
import type { BatchEvent, Bus, Completion, CompletionRequest } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import { type BatchProcess, startBatchProcess } from "../support/batch-process.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { EmulatedBatches } from "../support/emulators/batches.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startGeminiEmulator } from "../support/emulators/gemini.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const asked = (i: number, purpose: Purpose = "judge"): CompletionRequest =>
  aRequest({ purpose, messages: [{ role: "user", content: [{ kind: "text", text: `question ${i}.` }] }] });
const requests = (count: number): CompletionRequest[] => Array.from({ length: count }, (_, i) => asked(i));
const textOf = (i: number): string => `answer to ${i}`;
const echo = ({ body }: RecordedRequest) => ({
  kind: "answer" as const,
  text: textOf(Number(/question (\d+)\./.exec(JSON.stringify(body))?.[1])),
});

type Provider = Emulator & { batches: EmulatedBatches };

async function aProvider(start: () => Promise<Provider> = startAnthropicEmulator): Promise<Provider> {
  const emulator = await start();
  emulator.replyAlways(echo);
  return emulator;
}

const askAll = ({ model }: BatchProcess, all: readonly CompletionRequest[]): Promise<Completion[]> =>
  Promise.all(all.map((request) => model.complete(request, noAbort)));

/** What was paid for more than once. */
const twice = ({ batches: { bought } }: Provider): string[] => bought.filter((body, i) => bought.indexOf(body) !== i);

describe("answers from batches", () => {
  let nats: TestNats;
  let bus: Bus;
  beforeAll(async () => {
    nats = await aNatsServer();
    bus = await nats.coordinator();
  });
  afterAll(() => nats[Symbol.asyncDispose]());

  it("come in one batch for all who ask within the quiet time, at half the price, and only once", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-one" });
    const answers = await askAll(it, requests(20));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => textOf(i)));
    expect(emulator.batches.jobs).toHaveLength(1);
    // Sonnet 5.5 costs $2 and $10 per million tokens; a batch half of it.
    for (const { usage, costUsd, batched, journaled } of answers) {
      expect(costUsd).toBeCloseTo((usage.inputTokens * 1 + usage.outputTokens * 5) / 1e6, 12);
      expect({ batched, journaled }).toEqual({ batched: true, journaled: false });
    }
    const again = await askAll(it, requests(20));
    expect(again.every(({ journaled, costUsd, batched }) => journaled && costUsd === 0 && batched === true)).toBe(true);
    expect(emulator.batches.bought).toHaveLength(20);
    const [alone] = await askAll(it, [asked(99, "act")]);
    expect(alone).toMatchObject({ text: textOf(99) });
    expect(alone?.batched).toBeUndefined();
    expect(emulator.batches.jobs).toHaveLength(1);
  });

  it.each([
    ["anthropic:claude-sonnet-5-5", startAnthropicEmulator],
    ["gemini:gemini-3.8-flash", startGeminiEmulator],
  ] as const)(
    "are bought once although the process dies at any of its steps: %s",
    async (id, start) => {
      const count = 3;
      const worldAt = async (dieAt?: number): Promise<number> => {
        await using emulator = await aProvider(start);
        const before = await nats.connect("coordinator");
        const tuning = { tendMs: 60_000 };
        await using doomed = startBatchProcess({
          bus: before,
          emulator,
          id,
          owner: "w-before",
          tuning,
          ...(dieAt !== undefined && { dieAt }),
        });
        const first = askAll(doomed, requests(count)).catch(() => null);
        await Promise.race([first, doomed.died]);
        if (dieAt === undefined) return doomed.steps();
        await before.close();
        await using heir = startBatchProcess({ bus, emulator, id, owner: "w-after" });
        const answers = await askAll(heir, requests(count));
        expect(
          answers.map(({ text }) => text),
          `died at step ${dieAt}`,
        ).toEqual(answers.map((_, i) => textOf(i)));
        expect(twice(emulator), `died at step ${dieAt}`).toEqual([]);
        expect(emulator.batches.bought, `died at step ${dieAt}`).toHaveLength(count);
        return doomed.steps();
      };
      const steps = await worldAt();
      expect(steps).toBeGreaterThan(30);
      const points = Array.from({ length: steps }, (_, i) => i + 1);
      for (let i = 0; i < points.length; i += 24) await Promise.all(points.slice(i, i + 24).map(worldAt));
    },
    60_000,
  );

  it("are bought once although several processes ask for the same at the same time", async () => {
    await using emulator = await aProvider();
    const owners = ["w-a", "w-b", "w-c"];
    const processes = await Promise.all(
      owners.map(async (owner) => startBatchProcess({ bus: await nats.connect("coordinator"), emulator, owner })),
    );
    // The first round makes the register, the others change it.
    for (let round = 0; round < 4; round += 1) {
      const some = requests(10 * (round + 1)).slice(10 * round);
      const all = await Promise.all(
        processes.flatMap((each) => [askAll(each, some.slice(0, 6)), askAll(each, some.toReversed())]),
      );
      for (const answers of all) expect(new Set(answers.map(({ text }) => text)).size).toBe(answers.length);
      expect(twice(emulator)).toEqual([]);
      expect(emulator.batches.bought).toHaveLength(10 * (round + 1));
    }
    await Promise.all(processes.map((each) => each[Symbol.asyncDispose]()));
  });

  it("are asked for again when a part of the batch has expired or failed in passing", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-expiry" });
    const seen = new Map<string, number>();
    emulator.batches.fate = ({ body }) => {
      const key = JSON.stringify(body["messages"]);
      const times = (seen.get(key) ?? 0) + 1;
      seen.set(key, times);
      if (times > 1) return "answer";
      return seen.size % 3 === 0
        ? "expired"
        : seen.size % 3 === 1
          ? { kind: "failure", reason: "overloaded" }
          : "answer";
    };
    const answers = await askAll(it, requests(9));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => textOf(i)));
    expect(emulator.batches.jobs.map(({ requests: { length } }) => length)).toEqual([9, 6]);
    expect(answers.map(({ attempts }) => attempts).toSorted((a, b) => a - b)).toEqual([1, 1, 1, 2, 2, 2, 2, 2, 2]);
    expect(twice(emulator)).toEqual([]);
  });

  it("give way to an error, or to a call of its own, when no batch answers a request", async () => {
    await using emulator = await aProvider();
    emulator.batches.fate = () => "expired";
    await using strict = startBatchProcess({ bus, emulator, owner: "w-strict" });
    await expect(strict.model.complete(asked(1), noAbort)).rejects.toMatchObject({
      code: "MODEL_TIMEOUT",
      retryable: true,
    });
    expect(emulator.batches.jobs).toHaveLength(3);
    await using lenient = startBatchProcess({ bus, emulator, owner: "w-lenient", fallback: "interactive" });
    const alone = await lenient.model.complete(asked(1), noAbort);
    expect(alone.text).toBe(textOf(1));
    expect(alone.batched).toBeUndefined();
    expect(emulator.batches.bought).toHaveLength(0);
  });

  it("fail for one request as it would fail alone, and not for its neighbours", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-faults" });
    const wrong = aRequest({ purpose: "judge", output: { kind: "json", name: "x", schema: { type: "no such type" } } });
    const long = asked(4);
    emulator.batches.fate = ({ body }) =>
      JSON.stringify(body).includes("question 4.") ? { kind: "failure", reason: "prompt-too-long" } : "answer";
    const outcomes = await Promise.allSettled(
      [asked(1), wrong, long, asked(2)].map((request) => it.model.complete(request, noAbort)),
    );
    expect(outcomes).toMatchObject([
      { status: "fulfilled", value: { text: textOf(1) } },
      { status: "rejected", reason: { code: "MODEL_REQUEST_INVALID", retryable: false } },
      { status: "fulfilled", value: { stop: "context-overflow", costUsd: 0 } },
      { status: "fulfilled", value: { text: textOf(2) } },
    ]);
    expect(emulator.batches.jobs).toHaveLength(1);
  });

  it("are found by halves when the provider refuses a batch for one of its requests", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-halves" });
    const refusal = { on: "create" as const, as: { kind: "failure" as const, reason: "prompt-too-long" as const } };
    // All four, the first two, the first one.
    emulator.batches.goWrong(refusal);
    const answers = await askAll(it, requests(4));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => textOf(i)));
    expect(emulator.batches.jobs.map(({ requests: { length } }) => length)).toEqual([2, 2]);
  });

  it("survive that the answer to the submission is lost, and that the provider is away for a while", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-outage" });
    emulator.batches.goWrong(
      { on: "create", as: { kind: "failure", reason: "overloaded" } },
      { on: "create", as: "lost" },
      { on: "list", as: { kind: "failure", reason: "server-error" } },
      { on: "poll", as: { kind: "failure", reason: "rate-limit" } },
      { on: "results", as: "cut" },
    );
    const answers = await askAll(it, requests(3));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => textOf(i)));
    expect(emulator.batches.jobs).toHaveLength(1);
    expect(twice(emulator)).toEqual([]);
  });

  it("say at once that the key is wrong, having submitted nothing", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-key" });
    emulator.batches.goWrong({ on: "create", as: { kind: "failure", reason: "key-revoked" } });
    const failed = await Promise.allSettled(requests(2).map((request) => it.model.complete(request, noAbort)));
    expect(failed).toMatchObject([0, 1].map(() => ({ reason: { code: "MODEL_UNAUTHORIZED", retryable: false } })));
    expect(emulator.batches.jobs).toHaveLength(0);
    expect((await askAll(it, requests(2))).map(({ text }) => text)).toEqual([0, 1].map(textOf));
  });

  it("wait while the money is spent, with whoever asks meanwhile, and come when there is some again", async () => {
    await using emulator = await aProvider();
    let aheadMs = 0;
    await using it = startBatchProcess({ bus, emulator, owner: "w-spent", aheadMs: () => aheadMs });
    emulator.batches.goWrong({ on: "create", as: { kind: "failure", reason: "spend-limit" } });
    const ends: string[] = [];
    const ended = (answers: Completion[]): void => void ends.push(...answers.map(({ text }) => text));
    const first = askAll(it, requests(2)).then(ended);
    await expect
      .poll(() => it.events.map(({ detail }) => detail))
      .toContainEqual(expect.stringMatching(/requests wait$/));
    const leaving = new AbortController();
    const left = it.model.complete(asked(8), leaving.signal);
    const second = it.model.complete(asked(9), noAbort).then((answer) => ended([answer]));
    // Longer than it takes to open a batch, several times over.
    await delay(500);
    leaving.abort(new Error("its campaign was cancelled"));
    await expect(left).rejects.toThrow("cancelled");
    expect({ ends, jobs: emulator.batches.jobs }).toEqual({ ends: [], jobs: [] });
    aheadMs = 900_000;
    await Promise.all([first, second]);
    expect(ends.toSorted()).toEqual([0, 1, 9].map(textOf));
    expect(emulator.batches.bought).toHaveLength(3);
  });

  it("fail when the money has been spent for a day", async () => {
    await using emulator = await aProvider();
    const wait = 900_000;
    let aheadMs = 0;
    await using it = startBatchProcess({ bus, emulator, owner: "w-broke", aheadMs: () => aheadMs });
    const broke = { on: "create", as: { kind: "failure", reason: "spend-limit" } } as const;
    emulator.batches.goWrong(broke);
    const ends: unknown[] = [];
    const asking = it.model.complete(asked(1), noAbort).catch((error: unknown) => void ends.push(error));
    const troubles = (): number => it.events.filter(({ event }) => event === "batch.troubled").length;
    await expect.poll(troubles).toBe(1);
    emulator.batches.goWrong(broke);
    aheadMs += wait;
    await expect.poll(troubles).toBe(2);
    expect(ends).toEqual([]);
    emulator.batches.goWrong(broke);
    aheadMs += 86_400_000;
    await asking;
    expect(ends).toMatchObject([{ code: "MODEL_BUDGET_EXHAUSTED", retryable: false }]);
    expect(emulator.batches.jobs).toHaveLength(0);
  });

  it("wait anew when the money is spent a second time, a day after the first", async () => {
    await using emulator = await aProvider();
    emulator.batches.isHeld = true;
    let aheadMs = 0;
    await using it = startBatchProcess({ bus, emulator, owner: "w-twice", aheadMs: () => aheadMs });
    const broke = { on: "create", as: { kind: "failure", reason: "spend-limit" } } as const;
    const troubles = (): number => it.events.filter(({ event }) => event === "batch.troubled").length;
    emulator.batches.goWrong(broke);
    const first = it.model.complete(asked(1), noAbort);
    await expect.poll(troubles).toBe(1);
    aheadMs += 900_000;
    // Taken, and answered a day later.
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    aheadMs += 90_000_000;
    emulator.batches.goWrong(broke);
    const second = it.model.complete(asked(2), noAbort);
    await expect.poll(troubles).toBe(2);
    emulator.batches.isHeld = false;
    aheadMs += 900_000;
    expect((await Promise.all([first, second])).map(({ text }) => text)).toEqual([1, 2].map(textOf));
  });

  it("are read although another version opened a batch before theirs, beside which none is opened", async () => {
    await using emulator = await aProvider();
    emulator.batches.isHeld = true;
    // With a register of its own.
    const id = "anthropic:claude-haiku-5-5";
    const before = startBatchProcess({ bus, emulator, id, owner: "w-before", tuning: { tendMs: 60_000 } });
    const leaving = new AbortController();
    const left = before.model.complete(asked(1), leaving.signal).catch(() => null);
    await expect.poll(() => before.events.length).toBe(1);
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    await before[Symbol.asyncDispose]();
    leaving.abort(new Error("the coordinator is stopping"));
    await left;
    const records = bus.records("BATCHES", z.record(z.string(), z.unknown()));
    await records.put("bat-other", { v: 2, kind: "batch" });
    const register = (await records.entries()).find(
      ({ value }) => value["kind"] === "register" && value["model"] === id,
    );
    const mine = register?.value["open"] as string[];
    expect(mine).toHaveLength(1);
    await records.put(register?.key ?? "", { ...register?.value, open: ["bat-other", ...mine] });
    emulator.batches.isHeld = false;
    await using next = startBatchProcess({ bus, emulator, id, owner: "w-next" });
    const told = ({ event, batch }: BatchEvent): string => `${event} ${batch}`;
    await expect.poll(() => next.events.map(told)).toContain(`batch.closed ${mine[0]}`);
    expect(await next.model.complete(asked(1), noAbort)).toMatchObject({ text: textOf(1), journaled: true });
    // It may hold the same requests, which would be bought twice.
    await expect(next.model.complete(asked(2), noAbort)).rejects.toMatchObject({
      code: "BUS_UNAVAILABLE",
      retryable: true,
      message: expect.stringContaining("another version"),
    });
    expect(emulator.batches.bought).toHaveLength(1);
  });

  it("are journaled although nobody waits for them any more, and free for who asks later", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-left" });
    emulator.batches.isHeld = true;
    const leaving = new AbortController();
    const left = it.model.complete(asked(1), leaving.signal);
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    leaving.abort(new Error("the campaign was cancelled"));
    await expect(left).rejects.toThrow("the campaign was cancelled");
    emulator.batches.isHeld = false;
    await expect.poll(() => it.events.some(({ event }) => event === "batch.closed")).toBe(true);
    expect(await it.model.complete(asked(1), noAbort)).toMatchObject({ text: textOf(1), journaled: true, costUsd: 0 });
    expect(emulator.batches.bought).toHaveLength(1);
  });

  it("are left to the next process when one stops, and nobody is told that they failed", async () => {
    await using emulator = await aProvider();
    emulator.batches.isHeld = true;
    const stopping = startBatchProcess({ bus, emulator, owner: "w-stopping" });
    const leaving = new AbortController();
    const ends: unknown[] = [];
    const waiting = stopping.model.complete(asked(1), leaving.signal).catch((error: unknown) => void ends.push(error));
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    await stopping[Symbol.asyncDispose]();
    expect(ends).toEqual([]);
    leaving.abort(new Error("the coordinator is stopping"));
    await waiting;
    expect(ends).toMatchObject([{ message: "the coordinator is stopping" }]);
    emulator.batches.isHeld = false;
    await using next = startBatchProcess({ bus, emulator, owner: "w-next" });
    // Taken up before anybody asks: the answers are paid for.
    await expect.poll(() => next.events.map(({ event }) => event)).toEqual(["batch.resumed", "batch.closed"]);
    expect(await next.model.complete(asked(1), noAbort)).toMatchObject({ text: textOf(1), journaled: true });
    expect(emulator.batches.bought).toHaveLength(1);
  });

  it("wait their turn when as many batches are open as may be", async () => {
    await using emulator = await aProvider();
    await using it = startBatchProcess({ bus, emulator, owner: "w-turn", tuning: { requestsMax: 2, openMax: 2 } });
    const answers = await askAll(it, requests(9));
    expect(answers.map(({ text }) => text)).toEqual(answers.map((_, i) => textOf(i)));
    expect(emulator.batches.jobs.every(({ requests: { length } }) => length <= 2)).toBe(true);
    expect(twice(emulator)).toEqual([]);
  });
});
