// Documents → instructions (Algorithm 1, `LLM.selfInstruct(d, N)`): N proposals per document, one call each.
import { environmentKind } from "@hindcast/shared";
import type { Document, Instruction, InstructionId, ProposeTask, Scene, TaskId } from "@hindcast/shared";
import {
  actionLanguage,
  deriveId,
  environmentDescription,
  inDocumentSpan,
  type ProposedTask,
  selfInstruct,
  selfInstructIn,
} from "@hindcast/shared/node";
import { pMapIterable } from "p-map";
import { askGenerator, callsAtOnce, type CampaignContext, type StageContext } from "./campaign-context.ts";
import { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";
import { stagePoolOf } from "./stage/stage-pools.ts";
import { runStage } from "./stage/stage-runner.ts";
import { scenesFor } from "./world.ts";

/** Documents that are with generators at once; proposals still leave in the documents' order. */
const documentsInFlightMax = 16;

/** An instruction with the world that it is to be carried out in. */
export interface ProposedInstruction {
  instruction: Instruction;
  document: Document;
  proposal: ProposedTask;
  /** Where it is to be carried out; null in the shell. */
  scene: Scene | null;
}

/**
 * Proposals in document order, without those that repeat an earlier one or that the environment cannot support. The
 * order is kept although calls overlap, because which of two duplicates survives must not depend on timing.
 */
export async function* proposeInstructions(
  context: CampaignContext,
  documents: readonly Document[],
  known: InstructionDeduplicator,
): AsyncIterable<ProposedInstruction> {
  const offered = new Map<string, number>();
  const { world } = context;
  const proposals = pMapIterable(
    documents.map((document) => ({ document, scenes: world === null ? null : scenesFor(world, document, offered) })),
    async ({ document, scenes }) => ({
      document,
      tasks: (await proposalsFor(context, document, scenes)) ?? [],
    }),
    { concurrency: callsAtOnce(context, "self-instruct", documentsInFlightMax) },
  );
  const begun = new Map<string, InstructionDeduplicator>();
  let done = 0;
  for await (const { document, tasks } of proposals) {
    done += 1;
    context.report("self-instruct", done, documents.length, document.title);
    for (const [ordinal, proposal] of tasks.entries()) {
      const id = deriveId("ins", context.id, document.id, ordinal, proposal.instruction) as InstructionId;
      const scene = world?.starts.find((start) => start.id === proposal.scene) ?? null;
      const wanting = unmet(context, proposal);
      const refusal = world === null ? reasonToDrop(wanting, known) : reasonToDropIn(scene, wanting, begun);
      context.funnel.count("tasks", refusal ?? "rolled-out");
      if (refusal !== null) {
        context.logger.debug({
          event: "instruction.dropped",
          documentId: document.id,
          instruction: proposal.instruction,
          refusal,
        });
        continue;
      }
      if (scene !== null) begunIn(scene, begun).add(id, proposal.instruction);
      known.add(id, proposal.instruction);
      yield { instruction: toInstruction(id, document, proposal), document, proposal, scene };
    }
  }
}

/** The first span of the document's trace; whatever comes of the proposals continues it. */
async function proposalsFor(
  context: CampaignContext,
  document: Document,
  scenes: readonly Scene[] | null,
): Promise<ProposedTask[] | null> {
  const task = proposeTask(context, document, scenes);
  return await inDocumentSpan(context.id, document.id, () => runStage(context, task));
}

function proposeTask(
  { id, settings, ledger }: CampaignContext,
  document: Document,
  scenes: readonly Scene[] | null,
): ProposeTask {
  return {
    v: 1,
    kind: "propose",
    taskId: deriveId("task", id, document.id, "propose") as TaskId,
    campaignId: id,
    pool: stagePoolOf(settings, ["self-instruct"]),
    traceparent: null,
    settings,
    leftUsd: ledger.leftUsd,
    document,
    ...(scenes === null
      ? {}
      : { scenes: scenes.map(({ id: scene, description, statesGoal }) => ({ id: scene, description, statesGoal })) }),
  };
}

/** The work itself, on the coordinator that leased the task; none where the generator gave nothing usable. */
export async function propose(
  context: StageContext,
  { document, scenes }: Pick<ProposeTask, "document" | "scenes">,
): Promise<ProposedTask[]> {
  const { environment, network, tasksPerDocument } = context.settings;
  const kind = environmentKind(environment);
  const input = { document, count: tasksPerDocument, environment: environmentDescription(kind, network) };
  const answer =
    scenes === undefined
      ? await askGenerator(context, selfInstruct, input)
      : await askGenerator(context, selfInstructIn(actionLanguage(kind)), { ...input, scenes });
  if (!answer.ok) {
    context.warnings.add(`the generator gave no usable proposals for some documents (${answer.problem})`);
    context.logger.warn({
      event: "self-instruct.failed",
      documentId: document.id,
      problem: answer.problem,
      detail: answer.detail,
    });
    return [];
  }
  return answer.value.tasks.slice(0, tasksPerDocument);
}

/** Without the needs that the campaign meets; which hosts its rules open was told to the generator. */
function unmet({ settings: { network } }: StageContext, proposal: ProposedTask): ProposedTask {
  const isReached = network?.kind === "proxy" && network.rules.length > 0;
  return isReached ? { ...proposal, needs: proposal.needs.filter((need) => need !== "network") } : proposal;
}

/** Why a proposal is not rolled out: what it needs and the sandbox lacks, or what it repeats. */
function reasonToDrop(proposal: ProposedTask, known: InstructionDeduplicator): string | null {
  const need = proposal.needs[0];
  if (need !== undefined) return `declined: needs ${need}`;
  return known.isDuplicate(proposal.instruction) === null ? null : "duplicate";
}

/**
 * As above, in a world: the same words are another task where it begins elsewhere, and any are the same task where the
 * scene itself says what is to be done.
 */
function reasonToDropIn(
  scene: Scene | null,
  proposal: ProposedTask,
  begun: Map<string, InstructionDeduplicator>,
): string | null {
  if (scene === null) return "declined: begins nowhere in this world";
  if (scene.statesGoal && begun.has(scene.id)) return "duplicate";
  return reasonToDrop(proposal, begunIn(scene, begun));
}

/** What was asked for in a scene so far. */
function begunIn({ id }: Scene, begun: Map<string, InstructionDeduplicator>): InstructionDeduplicator {
  const there = begun.get(id) ?? new InstructionDeduplicator();
  begun.set(id, there);
  return there;
}

function toInstruction(id: InstructionId, document: Document, proposal: ProposedTask): Instruction {
  return {
    id,
    kind: "self-instruct",
    text: proposal.instruction,
    asksForAnswer: proposal.asksForAnswer,
    expectedResult: proposal.expectedResult,
    guidance: proposal.guidance,
    documentId: document.id,
  };
}
