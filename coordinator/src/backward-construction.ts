// Backward construction (paper §2.2, App. E): the instruction that a stretch of behaviour *does* accomplish. Each
// transition is summarised once per episode (NNetNav), and every later prompt shows the summaries beside the steps.
import { actionText, observedAt } from "@hindcast/shared";
import type { ConstructTask, Instruction, InstructionId, Trajectory } from "@hindcast/shared";
import { deriveId, newTask, rewriteReasons, summariseTransition } from "@hindcast/shared/node";
import pMap from "p-map";
import { askGenerator, callsAtOnce, type StageContext } from "./campaign-context.ts";
import { subTrajectory, type Window } from "./windows.ts";

/** Calls of one episode that are with the generator at once. */
const callsInFlightMax = 4;
const instructionCharactersMax = 8_000;

/** A pair (I', T') on its way to the committee. */
export interface Candidate {
  window: Window;
  /** T' of the duplicate-free trajectory. */
  trajectory: Trajectory;
  summaries: string[];
  instruction: Instruction;
  /** Closing `stop(answer)` when the instruction asks for one. */
  answer: string | null;
}

/** One or two sentences per transition of the episode, in order. */
export async function summarise(context: StageContext, trajectory: Trajectory): Promise<string[]> {
  return pMap(
    trajectory.steps,
    async (step, position) => {
      const input = { before: observedAt(trajectory, position), action: step.turn.action, after: step.observed };
      const answer = await askGenerator(context, summariseTransition, input);
      if (answer.ok) return answer.value;
      context.warnings.add(
        `the generator gave no summary of some transitions (${answer.problem}); their actions stand in`,
      );
      return `\`${actionText(step.turn.action)}\` was run.`;
    },
    { concurrency: callsAtOnce(context, "summarise-transition", callsInFlightMax) },
  );
}

/** I' = LLM.backward(T') for one window and kind; null when the model gave no usable instruction. */
export async function constructBackward(
  context: StageContext,
  source: {
    task: Pick<ConstructTask, "episodeId" | "instruction">;
    trajectory: Trajectory;
    summaries: readonly string[];
  },
  { window, kind }: { window: Window; kind: "new-task" | "replicate" },
): Promise<Candidate | null> {
  const trajectory = subTrajectory(source.trajectory, window);
  const summaries = source.summaries.slice(window.from, window.to);
  const worded = kind === "replicate" ? replicate(summaries) : await proposeNewTask(context, trajectory, summaries);
  if (worded === null) return null;
  const { answer, ...rest } = worded;
  const { task } = source;
  const id = deriveId("ins", task.episodeId, kind, ...trajectory.steps.map(({ index }) => index)) as InstructionId;
  const instruction = { ...rest, id, kind, guidance: [], documentId: task.instruction.documentId };
  return { window, trajectory, summaries, instruction, answer };
}

type Worded = Pick<Instruction, "text" | "asksForAnswer" | "expectedResult"> & { answer: string | null };

/**
 * Second kind: the summary itself is the instruction, so no further call is needed. Null where it does not fit: half of
 * one would ask for half of what follows.
 */
function replicate(summaries: readonly string[]): Worded | null {
  const text = `Replicate the following: ${summaries.join(" Then: ")}`;
  if (text.length > instructionCharactersMax) return null;
  return { text, asksForAnswer: false, expectedResult: null, answer: null };
}

async function proposeNewTask(
  context: StageContext,
  trajectory: Trajectory,
  summaries: string[],
): Promise<Worded | null> {
  const answer = await askGenerator(context, newTask, { trajectory, summaries });
  if (!answer.ok || answer.value.instruction.trim() === "") return null;
  const { instruction: text, asksForAnswer, expectedResult, answer: given } = answer.value;
  return { text, asksForAnswer, expectedResult, answer: asksForAnswer ? given : null };
}

/**
 * REASON texts under the new instruction (the rollout's own words served another one); empty where the model
 * returns another number of reasons than there are steps, because a wrong reason teaches worse than none.
 */
export async function rewriteReasonTexts(context: StageContext, candidate: Candidate): Promise<string[]> {
  const { instruction, trajectory, summaries } = candidate;
  const answer = await askGenerator(context, rewriteReasons, {
    instruction: instruction.text,
    trajectory,
    summaries,
  });
  if (answer.ok && answer.value.reasons.length === trajectory.steps.length) return answer.value.reasons;
  return trajectory.steps.map(() => "");
}
