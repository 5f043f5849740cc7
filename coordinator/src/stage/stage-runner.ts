// The leader's side of a stage: queues its task for whichever coordinator is free, and puts what it took on the
// campaign's account. A stage that failed costs its item; only what would fail all of them ends the campaign.
import { type ConstructTask, HindcastError, type ProposeTask, type StageEnded, type StageTask } from "@hindcast/shared";
import type { CampaignContext } from "../campaign-context.ts";
import { type ConstructOutput, type ProposeOutput, readOutput, type StageOutput } from "./stage-output.ts";

type Heard = (ended: StageEnded) => void;

/**
 * What a stage made, from a new or an earlier run of its task.
 * @param heard is told the terminal record
 * @returns null where it failed, with a warning
 * @throws CAMPAIGN_BUDGET_EXHAUSTED, or the model's error where no other item would fare better
 */
export async function runStage(
  context: CampaignContext,
  task: ProposeTask,
  heard?: Heard,
): Promise<ProposeOutput["product"]>;
export async function runStage(
  context: CampaignContext,
  task: ConstructTask,
  heard?: Heard,
): Promise<ConstructOutput["product"]>;
export async function runStage(
  context: CampaignContext,
  task: StageTask,
  heard: Heard = () => undefined,
): Promise<StageOutput["product"]> {
  const { bus, funnel, ledger, warnings } = context;
  const ended = await runFitting(context, task);
  if (ended === null) return null;
  heard(ended);
  const output = ended.output === null ? null : await readOutput(bus, ended.output);
  if (output !== null) {
    funnel.merge(output.account.counts);
    ledger.merge(output.account.costs);
    for (const warning of output.account.warnings) warnings.add(warning);
  }
  if (ended.error !== null) {
    const error = HindcastError.fromWire(ended.error);
    if (concernsAll(error)) throw error;
    warnings.add(`the ${task.kind} stage lost some of its items: ${error.message} (${error.code})`);
  }
  return output?.product ?? null;
}

/** Null for a task that does not fit a message. */
async function runFitting({ tasks, ledger, warnings }: CampaignContext, task: StageTask): Promise<StageEnded | null> {
  try {
    return await tasks.run(task, () => ledger.assertWithinBudget());
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "PROTOCOL_TOO_LARGE")) throw error;
    warnings.add(`items that do not fit a message were left out of the ${task.kind} stage: ${error.message}`);
    return null;
  }
}

/** Money that is spent, and a model that does not answer at all. */
function concernsAll({ boundary, code }: HindcastError): boolean {
  return boundary === "model" || code === "CAMPAIGN_BUDGET_EXHAUSTED";
}
