// Documents → instructions (Algorithm 1, `LLM.selfInstruct(d, N)`): N proposals per document, one call each.
import { type Document, type Instruction, type InstructionId, type ProposeTask, type TaskId } from "@hindcast/shared";
import { deriveId, environmentDescription, type ProposedTask, selfInstruct } from "@hindcast/shared/node";
import { pMapIterable } from "p-map";
import { askGenerator, callsAtOnce, type CampaignContext, type StageContext } from "./campaign-context.ts";
import type { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";
import { stagePoolOf } from "./stage/stage-pools.ts";
import { runStage } from "./stage/stage-runner.ts";

/** Documents that are with generators at once; proposals still leave in the documents' order. */
const documentsInFlightMax = 16;

/** An instruction with the world that it is to be carried out in. */
export interface ProposedInstruction {
  instruction: Instruction;
  document: Document;
  proposal: ProposedTask;
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
  const proposals = pMapIterable(
    documents,
    async (document) => ({ document, tasks: (await runStage(context, proposeTask(context, document))) ?? [] }),
    { concurrency: callsAtOnce(context, "self-instruct", documentsInFlightMax) },
  );
  let done = 0;
  for await (const { document, tasks } of proposals) {
    done += 1;
    context.report("self-instruct", done, documents.length, document.title);
    for (const [ordinal, proposal] of tasks.entries()) {
      const id = deriveId("ins", context.id, document.id, ordinal, proposal.instruction) as InstructionId;
      const refusal = reasonToDrop(proposal, known);
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
      known.add(id, proposal.instruction);
      yield { instruction: toInstruction(id, document, proposal), document, proposal };
    }
  }
}

function proposeTask({ id, settings, ledger }: CampaignContext, document: Document): ProposeTask {
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
  };
}

/** The work itself, on the coordinator that leased the task; none where the generator gave nothing usable. */
export async function propose(context: StageContext, document: Document): Promise<ProposedTask[]> {
  const { environment, tasksPerDocument } = context.settings;
  const input = { document, count: tasksPerDocument, environment: environmentDescription(environment) };
  const answer = await askGenerator(context, selfInstruct, input);
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

/** Why a proposal is not rolled out: what it needs and the shell sandbox lacks, or what it repeats. */
function reasonToDrop(proposal: ProposedTask, known: InstructionDeduplicator): string | null {
  const need = proposal.needs[0];
  if (need !== undefined) return `declined: needs ${need}`;
  return known.isDuplicate(proposal.instruction) === null ? null : "duplicate";
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
