// The provider of model answers: one for the whole simulated fleet, behind the real admission, retries and journal. It
// keeps the books on what was bought, and breaks as providers do: 429 and 529 storms, timeouts, answers cut in the middle.
import { setTimeout as delay } from "node:timers/promises";
import type { Admission, Bus, CompletionRequest, Model } from "@hindcast/shared/node";
import { noUsage, type Usage } from "@hindcast/shared";
import { type Driver, type DriverAnswer, DriverFailure } from "../../../shared/src/node/model/driver.ts";
import { journaled, JournaledCompletion, type JournalStore } from "../../../shared/src/node/model/journal.ts";
import { laneIdOf } from "../../../shared/src/node/model/lane-id.ts";
import { costOf, PriceTable } from "../../../shared/src/node/model/prices.ts";
import { requestHashOf } from "../../../shared/src/node/model/request-hash.ts";
import { retrying } from "../../../shared/src/node/model/retry.ts";
import type { Random } from "../random.ts";
import { currentProcess } from "../time/process.ts";

export type ProviderFault = "429" | "529" | "timeout" | "cut answer";

/** A call costs about a cent: most of what it could have cost at most, so that a limit that is not kept shows. */
const price = { input: 1, output: 1, cacheRead: null, cacheWrite5m: null };
const prices = PriceTable.parse({
  asOf: "2026-01-01",
  models: Object.fromEntries(["generator", "policy", "judge-1", "judge-2"].map((name) => [`sim:${name}`, price])),
});

export interface Purchase {
  key: string;
  buyer: string;
  /** When the buyer began to look for it in the journal. */
  lookedAt: number;
  boughtAt: number;
}

export class SimulatedProvider {
  readonly purchases: Purchase[] = [];
  /** Draws what goes wrong with a request; null: nothing. */
  fault: () => ProviderFault | null = () => null;
  latencyMs: () => number;
  isJournalOn = true;
  /** Whether calls are admitted with the most that they may cost. */
  isReserving = true;
  /** What it bills: every request that it took on, whatever became of the answer. */
  billedUsd = 0;
  readonly #random: Random;
  readonly #words: (request: CompletionRequest) => Promise<string>;

  constructor(random: Random, words: (request: CompletionRequest) => Promise<string>) {
    this.latencyMs = () => random.between(100, 1_500);
    this.#random = random.fork();
    this.#words = words;
  }

  /** The models of one process, as `createModels` makes them, with this provider's driver in the vendor's place. */
  modelsOf(bus: Pick<Bus, "records" | "blobs">, admission?: Admission): (id: string) => Model {
    const looked = new Map<string, number>();
    const store = this.#watchedJournal(bus, looked);
    const admitted = admission === undefined || this.isReserving ? admission : unreserved(admission);
    const models = new Map<string, Model>();
    return (id) => {
      const known = models.get(id);
      if (known !== undefined) return known;
      const bare = retrying(this.#driver(id, looked), {
        ...(admitted === undefined ? {} : { admission: admitted }),
        prices,
        attemptTimeoutMs: 30_000,
      });
      const model = this.isJournalOn ? journaled(bare, store) : bare;
      models.set(id, model);
      return model;
    };
  }

  #watchedJournal(bus: Pick<Bus, "records" | "blobs">, looked: Map<string, number>): JournalStore {
    const records = bus.records("JOURNAL", JournaledCompletion);
    const watched = Object.create(records) as typeof records;
    watched.get = (key) => {
      looked.set(key, currentProcess()!.scheduler.now);
      return records.get(key);
    };
    watched.create = (key, value) => records.create(key, value);
    return { records: watched, blobs: bus.blobs };
  }

  #driver(id: string, looked: Map<string, number>): Driver {
    const driver: Driver = {
      id,
      provider: "openai-compatible",
      settings: {},
      lane: laneIdOf({ provider: "openai", baseUrl: "sim", apiKey: "", model: id.slice("sim:".length) }),
      send: async (request, signal) => {
        const process = currentProcess()!;
        const fault = this.fault();
        const usage = this.#usageOf(request);
        if (fault !== "429" && fault !== "529") this.billedUsd += costOf(usage, id, prices, process.scheduler.now) ?? 0;
        if (fault === "timeout") await delay(2 ** 30, undefined, { signal });
        await delay(this.latencyMs(), undefined, { signal });
        if (fault !== null) throw failure(fault);
        const key = requestHashOf(driver, request);
        const boughtAt = process.scheduler.now;
        this.purchases.push({ key, buyer: process.name, lookedAt: looked.get(key) ?? 0, boughtAt });
        return { ...answer, text: await this.#words(request), usage, resolvedModel: id };
      },
    };
    return driver;
  }

  /** A token for each byte that was sent, and any number of those that may come back. */
  #usageOf({ system, messages, outputTokensMax }: CompletionRequest): Usage {
    const texts = [system, ...messages.flatMap(({ content }) => content.map(({ text }) => text))];
    const inputTokens = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return { ...noUsage, inputTokens, outputTokens: Math.round(outputTokensMax * this.#random.fraction()) };
  }
}

const answer = { thinking: null, stop: "end", buckets: [] } satisfies Partial<DriverAnswer>;

function unreserved(admission: Admission): Admission {
  return {
    isPausing: admission.isPausing,
    admit: (request, signal) => admission.admit({ ...request, usdMax: 0 }, signal),
  };
}

function failure(fault: Exclude<ProviderFault, never>): DriverFailure {
  switch (fault) {
    case "429":
      return new DriverFailure({ kind: "rate-limited", message: "slow down", status: 429, retryAfterMs: 2_000 });
    case "529":
      return new DriverFailure({ kind: "overloaded", message: "overloaded", status: 529 });
    case "timeout":
      return new DriverFailure({ kind: "timeout", message: "no answer" });
    case "cut answer":
      return new DriverFailure({ kind: "unavailable", message: "the answer ended in the middle" });
  }
}
