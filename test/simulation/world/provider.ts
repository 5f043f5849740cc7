// The provider of model answers: one for the whole simulated fleet, behind the real retries, lanes and journal. It keeps
// the books on what was bought, and breaks as providers do: 429 and 529 storms, timeouts, answers cut in the middle.
import { setTimeout as delay } from "node:timers/promises";
import type { Bus, CompletionRequest, Model } from "@hindcast/shared/node";
import { noUsage } from "@hindcast/shared";
import { type Driver, type DriverAnswer, DriverFailure } from "../../../shared/src/node/model/driver.ts";
import { journaled, JournaledCompletion, type JournalStore } from "../../../shared/src/node/model/journal.ts";
import { Lanes } from "../../../shared/src/node/model/lanes.ts";
import { shippedPrices } from "../../../shared/src/node/model/prices.ts";
import { requestHashOf } from "../../../shared/src/node/model/request-hash.ts";
import { retrying } from "../../../shared/src/node/model/retry.ts";
import type { Random } from "../random.ts";
import { currentProcess } from "../time/process.ts";

export type ProviderFault = "429" | "529" | "timeout" | "cut answer";

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
  readonly #words: (request: CompletionRequest) => Promise<string>;

  constructor(random: Random, words: (request: CompletionRequest) => Promise<string>) {
    this.latencyMs = () => random.between(100, 1_500);
    this.#words = words;
  }

  /** The models of one process, as `createModels` makes them, with this provider's driver in the vendor's place. */
  modelsOf(bus: Pick<Bus, "records" | "blobs">): (id: string) => Model {
    const looked = new Map<string, number>();
    const store = this.#watchedJournal(bus, looked);
    const lanes = new Lanes();
    const models = new Map<string, Model>();
    return (id) => {
      const known = models.get(id);
      if (known !== undefined) return known;
      const bare = retrying(this.#driver(id, looked), { lanes, prices: shippedPrices, attemptTimeoutMs: 30_000 });
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
      lane: id,
      send: async (request, signal) => {
        const process = currentProcess()!;
        const fault = this.fault();
        if (fault === "timeout") await delay(2 ** 30, undefined, { signal });
        await delay(this.latencyMs(), undefined, { signal });
        if (fault !== null) throw failure(fault);
        const key = requestHashOf(driver, request);
        const boughtAt = process.scheduler.now;
        this.purchases.push({ key, buyer: process.name, lookedAt: looked.get(key) ?? 0, boughtAt });
        return answer(id, await this.#words(request));
      },
    };
    return driver;
  }
}

function answer(id: string, text: string): DriverAnswer {
  const usage = { ...noUsage, inputTokens: 10, outputTokens: 5 };
  return { text, thinking: null, stop: "end", usage, resolvedModel: id, buckets: [] };
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
