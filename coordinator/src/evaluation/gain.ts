// The measured gain: the same held-out tasks with retrieval off and with it on.
import { isUsableEnd } from "@hindcast/shared";
import type { EpisodeEnded, GainResult } from "@hindcast/shared";
import pMap from "p-map";
import type { CampaignContext } from "../campaign-context.ts";
import { collectAndCharge, rolloutTask, runFitting } from "../rollout.ts";
import { gainOf, type PairedEpisode } from "./gain-statistics.ts";
import type { HeldOutTask } from "./held-out-tasks.ts";
import { caughtUpIndex } from "./index-state.ts";

/** Held-out tasks that are queued or running at once. */
const pairsInFlightMax = 64;

/** Empty where no retrieval service answers: then there is nothing to compare, and what was learned still stands. */
export async function measureGain(context: CampaignContext, tasks: readonly HeldOutTask[]): Promise<GainResult[]> {
  // Read-your-writes: the arm with retrieval must see everything that was learned.
  if ((await caughtUpIndex(context)) === null) return [];
  let done = 0;
  const pairs = await pMap(
    tasks,
    async (task) => {
      const [off, on] = await Promise.all([runArm(context, task, "off"), runArm(context, task, "on")]);
      done += 1;
      context.report("evaluation", done, tasks.length, task.instruction.text.slice(0, 100));
      return { kind: task.kind, off, on };
    },
    { concurrency: pairsInFlightMax },
  );
  return (["instance-disjoint", "document-disjoint"] as const).map((kind) =>
    gainOf(
      kind,
      pairs.filter((pair) => pair.kind === kind),
    ),
  );
}

async function runArm(context: CampaignContext, task: HeldOutTask, arm: "off" | "on"): Promise<PairedEpisode> {
  const ended = await runFitting(
    context,
    rolloutTask(context, {
      instruction: task.instruction,
      environment: task.environment,
      reference: task.reference,
      benchmark: task.benchmark,
      use: "evaluate",
      arm,
      retrieval: arm === "on" ? context.settings.retrieval : null,
    }),
  );
  // One task that fits no message decides nothing; the others still do.
  if (ended === null) return { verdict: "unknown", steps: 0 };
  if (isUsableEnd(ended.reason)) await collectAndCharge(context, ended);
  return { verdict: verdictOf(ended), steps: ended.steps };
}

/** Success and failure only where the episode was the policy's own and the evaluator could decide. */
export function verdictOf(ended: Pick<EpisodeEnded, "reason" | "evaluation">): PairedEpisode["verdict"] {
  return isUsableEnd(ended.reason) ? (ended.evaluation?.verdict ?? "unknown") : "unknown";
}
