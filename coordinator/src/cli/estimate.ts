// What a campaign will probably cost, before it costs anything. The number of calls follows from Algorithm 1 and the
// settings; what cannot be known beforehand (how many steps an episode takes, how long answers are) is assumed below
// and printed with the result.
import { type CampaignSettings, type Document, type Purpose, sumCost, type Usage } from "@hindcast/shared";
import { batchCostOf, costOf, type PriceTable } from "@hindcast/shared/node";

export const assumptions = {
  stepsPerEpisode: 8,
  /** Held-out documents that are asked for one usable task. */
  documentsPerHeldOutTask: 3,
  /** Tasks that a held-out document, or a learned task that is varied, gives at most. */
  heldOutTasksPerInput: 3,
  /** Fixed words of any prompt, and one past step or one shown step within one. */
  templateTokens: 900,
  stepTokens: 350,
  /** Answers. */
  proposedTaskTokens: 400,
  turnTokens: 150,
  queryTokens: 60,
  summaryTokens: 80,
  instructionTokens: 250,
  reasonTokens: 60,
  verdictTokens: 350,
} as const;

export interface EstimatedCalls {
  purpose: Purpose;
  model: string;
  calls: number;
  inputTokens: number;
  outputTokens: number;
  /** Bought through a batch endpoint, at its price. */
  batched: boolean;
  /** Null: the price is unknown. */
  costUsd: number | null;
}

export interface Estimate {
  documents: number;
  heldOut: number;
  tasks: number;
  episodes: number;
  /** Instructions with their windows that the committee may be asked about: an upper bound. */
  candidates: number;
  calls: EstimatedCalls[];
  costUsd: number | null;
}

type Counted = Omit<EstimatedCalls, "batched" | "costUsd">;

export function estimate(documents: readonly Document[], settings: CampaignSettings, prices: PriceTable): Estimate {
  const { documentDisjointPercent, tasksPerKindMax } = settings.evaluation;
  const heldOut = tasksPerKindMax === 0 ? 0 : documentsHeldOut(documents, documentDisjointPercent);
  const learned = Math.min(settings.documentsMax, documents.length - heldOut);
  const documentTokens = documents.reduce((sum, { tokens }) => sum + tokens, 0) / Math.max(1, documents.length);
  const tasks = learned * settings.tasksPerDocument;
  const evaluationTasks =
    Math.min(tasksPerKindMax, tasks * assumptions.heldOutTasksPerInput) +
    Math.min(tasksPerKindMax, heldOut * assumptions.heldOutTasksPerInput);
  const steps = Math.min(assumptions.stepsPerEpisode, settings.limits.stepsMax);
  const candidates = tasks * windowsPerEpisode(steps, settings) * settings.instructionKinds.length;
  const counted = [
    ...proposing({ settings, documentTokens, learned, heldOut, tasks }),
    ...acting(settings, steps, { learning: tasks, evaluating: 2 * evaluationTasks }),
    ...constructing(settings, steps, { tasks, candidates }),
  ];
  const calls = counted
    .filter((each) => each.calls > 0)
    .map((each) => {
      const batched = settings.batch.purposes.some((purpose) => purpose === each.purpose);
      const price = batched ? batchCostOf : costOf;
      return { ...each, batched, costUsd: price(usageOf(each), each.model, prices, Date.now()) };
    });
  return {
    documents: learned,
    heldOut,
    tasks,
    episodes: tasks + 2 * evaluationTasks,
    candidates,
    calls,
    costUsd: sumCost(calls.map(({ costUsd }) => costUsd)),
  };
}

/** Whole sources are held out, at least one on either side; how long they are is not known before. */
function documentsHeldOut(documents: readonly Document[], percent: number): number {
  const sources = new Set(documents.map(({ source }) => source)).size;
  if (percent === 0 || sources < 2) return 0;
  const count = Math.min(sources - 1, Math.max(1, Math.round((sources * percent) / 100)));
  return Math.round((documents.length * count) / sources);
}

/** Every i < j, or the bounded policy's cap. */
function windowsPerEpisode(steps: number, { windowPolicy }: CampaignSettings): number {
  const all = (steps * (steps + 1)) / 2;
  return windowPolicy.kind === "faithful" ? all : Math.min(all, windowPolicy.windowsMax);
}

interface Proposals {
  settings: CampaignSettings;
  documentTokens: number;
  learned: number;
  heldOut: number;
  tasks: number;
}

function proposing({ settings, documentTokens, learned, heldOut, tasks }: Proposals): Counted[] {
  const { generator } = settings.models;
  const prompt = assumptions.templateTokens + documentTokens;
  const { tasksPerKindMax } = settings.evaluation;
  const asked =
    Math.min(tasks, tasksPerKindMax) + Math.min(heldOut, tasksPerKindMax * assumptions.documentsPerHeldOutTask);
  return [
    counted("self-instruct", generator, learned, [prompt, settings.tasksPerDocument * assumptions.proposedTaskTokens]),
    counted("evaluation-task", generator, asked, [prompt, assumptions.proposedTaskTokens]),
  ];
}

/** The history grows with every step, so the mean prompt shows half of it. */
function acting(
  settings: CampaignSettings,
  steps: number,
  episodes: { learning: number; evaluating: number },
): Counted[] {
  const { policy } = settings.models;
  const { retrieval } = settings;
  const base = assumptions.templateTokens + (steps / 2) * assumptions.stepTokens;
  const isSearching = retrieval.modelBased > 0;
  const withRetrieval = (settings.retrievalWhileLearning ? episodes.learning : 0) + episodes.evaluating / 2;
  const without = episodes.learning + episodes.evaluating - withRetrieval;
  const shown = retrieval.observationBased + retrieval.modelBased > 0 ? retrieval.tokenBudget : 0;
  const turns = counted("act", policy, (withRetrieval + without) * steps, [base, assumptions.turnTokens]);
  return [
    { ...turns, inputTokens: turns.inputTokens + Math.round(withRetrieval * steps * shown) },
    counted("retrieval-query", policy, isSearching ? withRetrieval * steps : 0, [base, assumptions.queryTokens]),
  ];
}

function constructing(
  settings: CampaignSettings,
  steps: number,
  { tasks, candidates }: { tasks: number; candidates: number },
): Counted[] {
  const { generator, judges } = settings.models;
  const window = assumptions.templateTokens + (steps / 2) * assumptions.stepTokens;
  const newTasks = candidates / settings.instructionKinds.length;
  const isRelabelling = settings.instructionKinds.includes("new-task");
  return [
    counted("summarise-transition", generator, tasks * steps, [
      assumptions.templateTokens + 2 * assumptions.stepTokens,
      assumptions.summaryTokens,
    ]),
    counted("new-task-instruction", generator, isRelabelling ? newTasks : 0, [window, assumptions.instructionTokens]),
    counted("rewrite-reason", generator, candidates, [window, (steps / 2) * assumptions.reasonTokens]),
    ...judges.map((judge) => counted("judge", judge, candidates, [window, assumptions.verdictTokens])),
  ];
}

function counted(purpose: Purpose, model: string, calls: number, [input, output]: [number, number]): Counted {
  return { purpose, model, calls, inputTokens: Math.round(calls * input), outputTokens: Math.round(calls * output) };
}

function usageOf({ inputTokens, outputTokens }: Counted): Usage {
  return { inputTokens, outputTokens, cacheReadTokens: 0, cacheWriteTokens: 0 };
}
