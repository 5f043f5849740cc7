import type { CampaignId, CampaignSettings, DocumentId, Progress } from "@hindcast/shared";
import { type Asked, ask, type Bus, type Logger, type Model, type Prompt } from "@hindcast/shared/node";
import type { CostLedger } from "./cost-ledger.ts";
import type { Funnel } from "./funnel.ts";
import type { SeededRandom } from "./sampling.ts";
import type { TaskRunner } from "./task-runner.ts";

/** What the stages of one campaign share. */
export interface CampaignContext {
  readonly id: CampaignId;
  readonly settings: CampaignSettings;
  readonly bus: Bus;
  readonly generator: Model;
  readonly judges: readonly Model[];
  readonly tasks: TaskRunner;
  readonly ledger: CostLedger;
  readonly funnel: Funnel;
  /** Every choice follows from the campaign's seed and id. */
  readonly random: SeededRandom;
  readonly logger: Logger;
  readonly warnings: Set<string>;
  /** True when no language model takes part: every table and export must say so. */
  readonly isOffline: boolean;
  /** Where a document was read. */
  sourceOf(document: DocumentId | null): string;
  readonly signal: AbortSignal;
  report(stage: Progress["stage"], done: number, total: number, note?: string): void;
}

/** Asks a model on the campaign's account: within its budget, with every call in its ledger. */
export async function askFor<Input, Output>(
  context: CampaignContext,
  model: Model,
  prompt: Prompt<Input, Output>,
  { input, seed = context.settings.seed }: { input: Input; seed?: number },
): Promise<Asked<Output>> {
  context.ledger.assertWithinBudget();
  const answer = await ask(model, prompt, input, { seed, signal: context.signal });
  context.ledger.add(answer.calls);
  return answer;
}
