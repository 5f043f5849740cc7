// Held-out tasks of a world that has references of its own: a benchmark's tasks, or bugs with their tests. They were held
// back before the campaign began; what came close to them while it learned is dropped here.
import { isDeepStrictEqual } from "node:util";
import type { CampaignId, CampaignWorld, HeldOutScene, InstructionId } from "@hindcast/shared";
import { deriveId, withoutResponseForm } from "@hindcast/shared/node";
import type { CampaignContext } from "../campaign-context.ts";
import type { InstructionDeduplicator } from "../similarity/instruction-deduplicator.ts";
import type { HeldOutTask } from "./held-out-tasks.ts";

/** At most `tasksPerKindMax` of each kind, chosen by the campaign's seed. */
export function heldOutInWorld(
  context: Pick<CampaignContext, "id" | "settings" | "random" | "warnings">,
  world: CampaignWorld,
  known: InstructionDeduplicator,
): HeldOutTask[] {
  const { id, settings, random, warnings } = context;
  const clean = world.heldOut.filter((scene) => !isKnown(scene, world, known));
  const dropped = world.heldOut.length - clean.length;
  if (dropped > 0) warnings.add(`${dropped} held-out tasks were too close to what was learned from and were left out`);
  return (["instance-disjoint", "document-disjoint"] as const).flatMap((kind) =>
    random
      .derive(kind)
      .sample(
        clean.filter((scene) => scene.kind === kind),
        settings.evaluation.tasksPerKindMax,
      )
      .map((scene) => ({
        kind,
        instruction: {
          id: heldOutInstructionId(id, scene),
          kind: "evaluation",
          text: scene.instruction,
          asksForAnswer: scene.asksForAnswer,
          expectedResult: null,
          guidance: [],
          documentId: null,
        },
        environment: scene.environment,
        reference: scene.reference,
        benchmark: scene.benchmark,
      })),
  );
}

export function heldOutInstructionId(
  campaign: CampaignId,
  { kind, id }: Pick<HeldOutScene, "kind" | "id">,
): InstructionId {
  return deriveId("ins", campaign, "evaluation", kind, id) as InstructionId;
}

/**
 * The leakage guard. Where the start state says the goal (a page with its seed, a commit with its bug), a task is known
 * if learning could begin there; else if it was learned from in nearly the same words.
 */
function isKnown(
  { environment, instruction, statesGoal }: HeldOutScene,
  { starts }: CampaignWorld,
  known: InstructionDeduplicator,
): boolean {
  if (statesGoal || environment.kind === "swe-bench") {
    return starts.some((start) => isDeepStrictEqual(start.environment, environment));
  }
  return known.isDuplicate(withoutResponseForm(instruction)) !== null;
}
