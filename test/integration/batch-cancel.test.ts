// Batches that nobody wants any more: their campaigns are over.
// Requirements: 5.6.cancel
import { setTimeout as delay } from "node:timers/promises";
import type { CampaignId } from "@hindcast/shared";
import { BatchesValue, type Bus, type CompletionRequest, type Model, onAccount } from "@hindcast/shared/node";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { aRequest, noAbort } from "../conformance/model-fixtures.ts";
import { type BatchProcess, startBatchProcess } from "../support/batch-process.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { EmulatedBatches } from "../support/emulators/batches.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startGeminiEmulator } from "../support/emulators/gemini.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

type Provider = Emulator & { batches: EmulatedBatches };
const [one, two] = ["c-0001", "c-0002"] as [CampaignId, CampaignId];
const gemini = "gemini:gemini-3.8-flash";
const providers = [
  ["anthropic:claude-sonnet-5-5", startAnthropicEmulator],
  [gemini, startGeminiEmulator],
] as const;

/** Where nobody dies, a busy machine must not look like it. */
const alive = { leaseTtlMs: 20_000 };

let nats: TestNats;
let bus: Bus;
let over: Set<CampaignId>;
const isCampaignOver = (id: CampaignId): Promise<boolean> => Promise.resolve(over.has(id));

beforeEach(async () => {
  nats = await aNatsServer();
  bus = await nats.coordinator();
  over = new Set();
});
afterEach(() => nats[Symbol.asyncDispose]());

const question = (n: number): CompletionRequest =>
  aRequest({ purpose: "judge", messages: [{ role: "user", content: [{ kind: "text", text: `question ${n}` }] }] });

/** Asks on a campaign's account until the signal aborts, as stages of a campaign do that is cancelled. */
function ask(model: Model, campaignId: CampaignId, count: number, signal: AbortSignal): Promise<unknown>[] {
  const own = onAccount(model, { campaignId });
  return Array.from({ length: count }, (_, n) => own.complete(question(n), signal).catch((error: unknown) => error));
}

async function aProvider(start: () => Promise<Provider>): Promise<Provider> {
  const emulator = await start();
  emulator.replyAlways({ kind: "answer", text: "yes" });
  emulator.batches.isHeld = true;
  return emulator;
}

const recordOf = async (): Promise<BatchesValue | undefined> =>
  (await bus.records("BATCHES", BatchesValue).entries()).map(({ value }) => value).find(({ kind }) => kind === "batch");
const closed = (it: BatchProcess): string | undefined =>
  it.events.find(({ event }) => event === "batch.closed")?.detail;
const cancels = ({ requests }: Provider): number => requests.filter(({ path }) => /[/:]cancel/.test(path)).length;

describe("a batch whose campaign was cancelled", () => {
  it.each(providers)("is cancelled at the provider, and what it had answered is kept: %s", async (id, start) => {
    await using emulator = await aProvider(start);
    await using it = startBatchProcess({ bus, emulator, id, owner: "w-one", isCampaignOver, tuning: alive });
    const leaving = new AbortController();
    const asked = ask(it.model, one, 4, leaving.signal);
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    over.add(one);
    leaving.abort(new Error("the campaign was cancelled"));
    await Promise.all(asked);
    await expect.poll(() => closed(it), { timeout: 10_000 }).toMatch(/^2 (answered|cancelled|expired), 2 /);
    expect(cancels(emulator)).toBe(1);
    expect(await recordOf()).toMatchObject({
      state: "closed",
      cancel: { seenAt: expect.any(String), toldAt: expect.any(String) },
    });
    // Both providers let what they had finished stand, and it is paid for.
    expect(emulator.batches.bought).toHaveLength(2);
    emulator.batches.isHeld = false;
    const again = await Promise.all(ask(it.model, two, 4, noAbort));
    expect(again).toMatchObject(Array.from({ length: 4 }, () => ({ text: "yes" })));
    expect(emulator.batches.bought).toHaveLength(4);
  });

  it("goes on while another campaign has requests in it, or somebody here still waits for it", async () => {
    await using emulator = await aProvider(startAnthropicEmulator);
    await using it = startBatchProcess({ bus, emulator, owner: "w-one", isCampaignOver, tuning: alive });
    const leaving = new AbortController();
    const [asked, other] = [ask(it.model, one, 2, leaving.signal), onAccount(it.model, { campaignId: two })];
    const waiting = other.complete(question(9), noAbort);
    await expect.poll(() => emulator.batches.jobs.length).toBe(1);
    over.add(one);
    leaving.abort(new Error("the campaign was cancelled"));
    await Promise.all(asked);
    await delay(300);
    expect(cancels(emulator)).toBe(0);
    over.add(two);
    await delay(300);
    expect(cancels(emulator)).toBe(0);
    emulator.batches.isHeld = false;
    expect(await waiting).toMatchObject({ text: "yes" });
  });

  it("is cancelled by whoever comes next when its process dies over it, at whichever step", async () => {
    const worldAt = async (dieAt?: number): Promise<number> => {
      let isOver = false;
      const world = { isCampaignOver: () => Promise.resolve(isOver), tuning: { tendMs: 60_000 } };
      // Of Anthropic a batch whose id was lost with its process is only found once it has ended (ADR 0023).
      await using provider = await aProvider(startGeminiEmulator);
      const before = await nats.connect("coordinator");
      const options = { ...world, bus: before, emulator: provider, id: gemini, owner: "w-before" };
      await using doomed = startBatchProcess({ ...options, ...(dieAt !== undefined && { dieAt }) });
      const leaving = new AbortController();
      const asked = ask(doomed.model, one, 2, leaving.signal);
      let isDead = false;
      void doomed.died.then(() => (isDead = true));
      // On a busy machine it may also lose its lease, and then the heir has everything to do.
      const until = async (isSo: () => boolean): Promise<void> => {
        for (const lastMs = Date.now() + 8_000; !isDead && !isSo() && Date.now() < lastMs;) await delay(5);
      };
      await until(() => provider.batches.jobs.length === 1);
      isOver = true;
      leaving.abort(new Error("the campaign was cancelled"));
      await Promise.all(asked);
      await until(() => closed(doomed) !== undefined);
      if (dieAt === undefined) return doomed.steps();
      await before.close();
      const heir = { ...options, bus, owner: "w-after", tuning: {} };
      await using _heir = startBatchProcess(heir);
      const states = (): string[] =>
        provider.batches.jobs.map(({ state }) => state).filter((state) => state !== "ended");
      await expect.poll(states, { timeout: 15_000, message: `died at step ${dieAt}` }).toEqual([]);
      return doomed.steps();
    };
    const steps = await worldAt();
    const points = Array.from({ length: steps }, (_, n) => n + 1);
    for (let i = 0; i < points.length; i += 24) await Promise.all(points.slice(i, i + 24).map(worldAt));
  }, 60_000);
});
