// Held-out tasks of two kinds. Instance-disjoint: the features that were learned, with other names, values, wording
// and start states. Document-disjoint: from documents that nothing was learned from. Neither may come close to an
// instruction that was learned from, and success is decided by reference commands, never by a model.
import type {
  Document,
  EnvironmentSpec,
  GainResult,
  Instruction,
  InstructionId,
  TaskReference,
} from "@hindcast/shared";
import { deriveId, environmentDescription, evaluationTask, type EvaluationTaskInput } from "@hindcast/shared/node";
import pMap from "p-map";
import { askGenerator, callsAtOnce, type CampaignContext } from "../campaign-context.ts";
import type { LearnedInstruction } from "../campaign.ts";
import { stratifiedSample } from "../sampling.ts";
import type { InstructionDeduplicator } from "../similarity/instruction-deduplicator.ts";

export interface HeldOutTask {
  kind: GainResult["kind"];
  instruction: Instruction;
  environment: EnvironmentSpec;
  reference: TaskReference;
  /** Of which it is; demonstrations of others are not retrieved for it. */
  benchmark: string | null;
}

/** Calls that are with the generator at once. */
const callsInFlightMax = 4;
/** Documents asked for each document-disjoint task that is wanted: many offer none that works offline. */
const documentsPerTask = 3;
/** Tasks asked for of each document or learned instruction; the first of all are taken before the second of any. */
const tasksPerInput = 3;

/** Tasks of one kind whose first reference command begins with the same two words: a feature must not flood the result. */
const tasksPerCommandMax = 4;

export async function proposeHeldOutTasks(
  context: CampaignContext,
  sources: { learned: readonly LearnedInstruction[]; heldOut: readonly Document[] },
  known: InstructionDeduplicator,
): Promise<HeldOutTask[]> {
  const { tasksPerKindMax } = context.settings.evaluation;
  const { random } = context;
  const instances = random.derive("instance-disjoint").sample(sources.learned, tasksPerKindMax);
  // Evenly over the sources: one long page must not stand for everything that was held out.
  const documents = stratifiedSample(
    sources.heldOut,
    tasksPerKindMax * documentsPerTask,
    ({ source }) => source,
    random.derive("document-disjoint"),
  );
  return [
    ...(await propose(context, instances.map(variationOf(context)), { kind: "instance-disjoint", known })),
    ...(await propose(context, documents.map(taskFrom(context)), { kind: "document-disjoint", known })),
  ];
}

const variationOf =
  (context: CampaignContext) =>
  ({ document, instruction, proposal }: LearnedInstruction): EvaluationTaskInput => ({
    ...common(context, document),
    learned: {
      instruction: instruction.text,
      guidance: proposal.guidance,
      files: proposal.files,
      setup: proposal.setup,
    },
  });

const taskFrom =
  (context: CampaignContext) =>
  (document: Document): EvaluationTaskInput => ({ ...common(context, document), learned: null });

function common(context: CampaignContext, document: Document): Omit<EvaluationTaskInput, "learned"> {
  const environment = environmentDescription("shell", context.settings.network);
  return { document, count: tasksPerInput, environment, seed: context.settings.seed };
}

/** Proposals up to the cap, without near-duplicates of what was learned or of each other. */
async function propose(
  context: CampaignContext,
  inputs: readonly EvaluationTaskInput[],
  { kind, known }: { kind: GainResult["kind"]; known: InstructionDeduplicator },
): Promise<HeldOutTask[]> {
  const answers = await pMap(
    inputs,
    async (input) => ({ input, answer: await askGenerator(context, evaluationTask, input) }),
    { concurrency: callsAtOnce(context, "evaluation-task", callsInFlightMax) },
  );
  const tasks: HeldOutTask[] = [];
  const perCommand = new Map<string, number>();
  for (let rank = 0; rank < tasksPerInput; rank += 1) {
    for (const { input, answer } of answers) {
      const proposal = answer.ok ? answer.value.tasks[rank] : undefined;
      if (proposal === undefined) continue;
      if (tasks.length >= context.settings.evaluation.tasksPerKindMax) return tasks;
      const command = commandOf(proposal.referenceCommands);
      const sameCommand = perCommand.get(command) ?? 0;
      if (command === "" || sameCommand >= tasksPerCommandMax) continue;
      if (known.isDuplicate(proposal.instruction) !== null) continue;
      perCommand.set(command, sameCommand + 1);
      const id = deriveId("ins", context.id, "evaluation", kind, proposal.instruction) as InstructionId;
      known.add(id, proposal.instruction);
      tasks.push({
        kind,
        instruction: {
          id,
          kind: "evaluation",
          text: proposal.instruction,
          asksForAnswer: false,
          expectedResult: null,
          guidance: [],
          documentId: input.document.id,
        },
        environment: { kind: "shell", files: proposal.files, setup: proposal.setup },
        reference: { commands: proposal.referenceCommands },
        benchmark: null,
      });
    }
  }
  return tasks;
}

/** `git config` of `git config --global user.name x`. */
function commandOf(referenceCommands: readonly string[]): string {
  return (referenceCommands[0] ?? "").trim().split(/\s+/).slice(0, 2).join(" ");
}
