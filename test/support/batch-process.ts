// A process that answers from batches, as the coordinator does, small enough to be killed at any of its steps.
import { BatchPurpose, type CampaignId, type WorkerId } from "@hindcast/shared";
import {
  BatchDesk,
  BatchesValue,
  type BatchEvent,
  batching,
  type BatchPurse,
  type Bus,
  createBatchDriver,
  createModel,
  journaled,
  JournaledCompletion,
  type Model,
  ModelSettings,
  shippedPrices,
} from "@hindcast/shared/node";
import { systemClock } from "../../shared/src/node/model/attempts.ts";
import type { BatchTuning } from "../../shared/src/node/model/batch/batch-tuning.ts";

export interface BatchProcess extends AsyncDisposable {
  model: Model;
  events: BatchEvent[];
  /** Resolves when it has died. */
  died: Promise<void>;
  /** Steps that it has taken: calls to the bus and to the provider, each counted before and after. */
  steps: () => number;
}

export interface BatchProcessOptions {
  bus: Bus;
  emulator: { url: string; apiKey: string };
  /** @default anthropic:claude-sonnet-5-5 */
  id?: string;
  owner: string;
  tuning?: Partial<BatchTuning>;
  /** Keeps the dollars; its calls are steps, too. */
  purse?: BatchPurse;
  isCampaignOver?: (campaign: CampaignId) => Promise<boolean>;
  fallback?: "interactive" | "error";
  /** How far ahead its clock is. @default not at all */
  aheadMs?: () => number;
  /** Dies at this step: nothing that it does afterwards takes place. */
  dieAt?: number;
}

const quick: Partial<BatchTuning> = {
  quietMs: 20,
  quietMsMax: 100,
  pollMs: 10,
  pollMsMax: 30,
  settleMs: 30,
  tendMs: 50,
  leaseTtlMs: 1_000,
};

export function startBatchProcess(options: BatchProcessOptions): BatchProcess {
  const { bus, emulator, owner, tuning, purse, isCampaignOver, fallback = "error", dieAt = Infinity } = options;
  const { id = "anthropic:claude-sonnet-5-5", aheadMs = () => 0 } = options;
  const access = { apiKey: emulator.apiKey, baseUrl: emulator.url };
  const settings = ModelSettings.parse({ anthropic: access, gemini: access });
  const life = new Life(dieAt);
  const journal = { records: life.of(bus.records("JOURNAL", JournaledCompletion)), blobs: bus.blobs };
  const single = createModel(id, settings);
  const events: BatchEvent[] = [];
  const desk = new BatchDesk({
    driver: life.of(createBatchDriver(id, settings), ["results"]),
    single,
    prices: shippedPrices,
    batches: life.of(bus.records("BATCHES", BatchesValue)),
    leases: life.of(bus.leases),
    journal,
    owner: owner as WorkerId,
    clock: { ...systemClock, now: () => Date.now() + aheadMs() },
    tuning: { ...quick, ...tuning },
    ...(purse === undefined ? {} : { purse: life.of(purse) }),
    ...(isCampaignOver === undefined ? {} : { isCampaignOver }),
    onEvent: (event) => void events.push(event),
  });
  return {
    model: journaled(batching(single, desk, { purposes: [...BatchPurpose.options], fallback }), journal),
    events,
    died: life.died,
    steps: () => life.steps,
    [Symbol.asyncDispose]: async () => {
      // The dead do not tidy up.
      const disposed = desk[Symbol.asyncDispose]();
      if (!life.isOver) await disposed;
    },
  };
}

class Life {
  steps = 0;
  isOver = false;
  readonly #dieAt: number;
  readonly #death = Promise.withResolvers<void>();

  constructor(dieAt: number) {
    this.#dieAt = dieAt;
  }

  get died(): Promise<void> {
    return this.#death.promise;
  }

  /** `target`, each of whose calls is a step before and a step after it takes place; so are the calls of what it returns. */
  of<T extends object>(target: T, untouched: readonly string[] = []): T {
    return new Proxy(target, {
      get: (object, name) => {
        const member: unknown = Reflect.get(object, name, object);
        if (typeof member !== "function" || typeof name !== "string" || untouched.includes(name)) return member;
        return async (...given: unknown[]): Promise<unknown> => {
          await this.#step();
          const result = (await Reflect.apply(member, object, given)) as unknown;
          await this.#step();
          return isLease(result) ? this.of(result) : result;
        };
      },
    });
  }

  async #step(): Promise<void> {
    this.steps += 1;
    if (this.steps >= this.#dieAt && !this.isOver) {
      this.isOver = true;
      this.#death.resolve();
    }
    if (this.isOver) await new Promise(() => undefined);
  }
}

function isLease(value: unknown): value is { renew: unknown } & object {
  return value !== null && typeof value === "object" && "renew" in value;
}
