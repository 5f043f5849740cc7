import { setTimeout as delay } from "node:timers/promises";
import { type ErrorCode, HindcastError, limits } from "@hindcast/shared";
import type { CampaignId, CampaignSettings, CampaignWorld, DocumentId, Progress, Purpose } from "@hindcast/shared";
import { type Asked, ask, type Bus, type Logger, type Model, type Prompt, type WaitTime } from "@hindcast/shared/node";
import type { CoordinatorMetrics } from "./coordinator-metrics.ts";
import type { CostLedger } from "./cost-ledger.ts";
import type { Funnel } from "./funnel.ts";
import type { SeededRandom } from "./sampling.ts";
import type { TaskRunner } from "./task-runner.ts";

/** How long a campaign waits for its generator to come back, beyond the retries of each call, before it ends as failed. */
const generatorOutageMsMax = 30 * 60_000;
const outageDelayMs = 1_000;
const outageDelayMsMax = 60_000;

/** Faults of one request, not of the service: they cost the one item that was asked about, never the campaign. */
const faultsOfOneRequest: readonly ErrorCode[] = [
  "MODEL_REQUEST_INVALID",
  "MODEL_CONTEXT_OVERFLOW",
  "MODEL_ANSWER_INVALID",
];

/** A wrong key, an unknown model: every other item would meet it too. */
export function concernsEveryItem({ boundary, code, retryable }: HindcastError): boolean {
  return boundary === "model" && !retryable && !faultsOfOneRequest.includes(code);
}

/** What a stage of a campaign works with, on whichever coordinator it runs. */
export interface StageContext {
  readonly id: CampaignId;
  readonly settings: CampaignSettings;
  readonly generator: Model;
  readonly judges: readonly Model[];
  /** What this stage's calls cost and what became of its items; the campaign's leader adds them to its own. */
  readonly ledger: CostLedger;
  readonly funnel: Funnel;
  readonly warnings: Set<string>;
  /** Every choice follows from the campaign's seed and id. */
  readonly random: SeededRandom;
  readonly logger: Logger;
  readonly signal: AbortSignal;
  report(stage: Progress["stage"], done: number, total: number, note?: string): void;
  /** How long its calls have waited to be admitted, which is nobody's failure. */
  readonly waiting: Pick<WaitTime, "totalMs">;
  readonly metrics?: CoordinatorMetrics;
}

/** What the leader of one campaign works with. */
export interface CampaignContext extends StageContext {
  readonly bus: Bus;
  readonly tasks: TaskRunner;
  /** The scenes that tasks begin in; null for the shell, whose tasks bring their own files. */
  readonly world: CampaignWorld | null;
  /** True when no language model takes part: every table and export must say so. */
  readonly isOffline: boolean;
  /** Where a document was read. */
  sourceOf(document: DocumentId | null): string;
}

/**
 * How many calls of a purpose are made at once. A call that waits for a batch costs nothing while it waits, and calls
 * one after the other would each wait for a batch of their own.
 */
export function callsAtOnce({ settings }: StageContext, purpose: Purpose, interactive: number): number {
  return settings.batch.purposes.some((batched) => batched === purpose) ? limits.batchRequestsMax : interactive;
}

/** Asks a model on the campaign's account: within its budget, with every call in its ledger. */
export async function askFor<Input, Output>(
  context: StageContext,
  model: Model,
  prompt: Prompt<Input, Output>,
  { input, seed = context.settings.seed }: { input: Input; seed?: number },
): Promise<Asked<Output>> {
  context.ledger.assertWithinBudget();
  const answer = await ask(model, prompt, input, { seed, signal: context.signal });
  context.ledger.add(answer.calls);
  return answer;
}

/**
 * Asks the generator, which nothing can stand in for: an outage that may pass is waited out, for half an hour at most.
 * Time that a call waits to be admitted is not part of the outage: admission has a patience of its own.
 * @throws HindcastError of boundary `model` when it does not pass, or cannot (a wrong key, a lane paused for a day).
 */
export async function askGenerator<Input, Output>(
  context: StageContext,
  prompt: Prompt<Input, Output>,
  input: Input,
): Promise<Asked<Output>> {
  const { generator, logger, warnings, waiting, signal } = context;
  const now = (): number => performance.now() - waiting.totalMs;
  let awaySince: number | null = null;
  for (let waitMs = outageDelayMs; ; waitMs = Math.min(2 * waitMs, outageDelayMsMax)) {
    try {
      return await askFor(context, generator, prompt, { input });
    } catch (error) {
      if (!(error instanceof HindcastError) || error.boundary !== "model" || signal.aborted) throw error;
      const { code, message, retryable } = error;
      if (faultsOfOneRequest.includes(code)) return { ok: false, problem: "invalid", detail: message, calls: [] };
      // Counted from the first failure: an answer from a batch may take a day without anything being wrong.
      awaySince ??= now();
      if (!retryable || code === "MODEL_LANE_PAUSED" || now() - awaySince > generatorOutageMsMax) throw error;
      warnings.add(`the generator was away for a while (${code}); the campaign waited for it`);
      logger.warn({ event: "generator.away", code, err: error, waitMs });
      context.report("waiting", 0, 0, `the generator does not answer (${code}); trying again for up to 30 minutes`);
      await delay(waitMs, undefined, { signal });
    }
  }
}
