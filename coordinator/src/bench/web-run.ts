// Runs tasks of the WebArena family as episodes of the fleet, one after the other, and says of each how it went. What
// could not be tried or judged is told apart from what failed.
import type {
  CampaignId,
  EpisodeEnded,
  EpisodeId,
  EpisodeLimits,
  InstructionId,
  RolloutTask,
  StorageState,
  TaskId,
  WebArenaSite,
} from "@hindcast/shared";
import { BrowserSpec, messageOf } from "@hindcast/shared";
import {
  deriveId,
  renderSites,
  requirementsOf,
  startPlaces,
  verifiedInstruction,
  verifiedReference,
  webArenaReference,
} from "@hindcast/shared/node";
import type { TaskRunner } from "../task-runner.ts";
import { clocksOf, type PlannedWebTask, type WebSites, type WebTask } from "./web-plan.ts";

export interface WebRunOptions {
  tasks: Pick<TaskRunner, "run">;
  /** Names the run: the same tasks under the same name are not run again. */
  campaign: CampaignId;
  plan: readonly PlannedWebTask[];
  sites: WebSites;
  /** Of the policy, `provider:model`. */
  model: string;
  /** Who judges answers in free words, `provider:model`; without one such tasks are not tried. */
  judge?: string | undefined;
  pool: string;
  limits: EpisodeLimits;
  onResult?: (result: WebTaskResult) => void;
}

export interface WebTaskResult {
  taskId: number;
  /**
   * `unavailable`: it could not be tried here; `undecided`: it ran and could not be judged; `error`: something of ours
   * broke. None of the three says anything of the agent.
   */
  status: "success" | "failure" | "undecided" | "unavailable" | "error";
  detail: string;
  /** Null where no episode ran. */
  episodeId: EpisodeId | null;
  steps: number;
}

/** @throws the signal's reason, and what the bus throws */
export async function runWebTasks(options: WebRunOptions, signal: AbortSignal): Promise<WebTaskResult[]> {
  const results: WebTaskResult[] = [];
  // Sites that are to be put back and were not: their task could not be tried, or the reset failed.
  const owed = new Set<WebArenaSite>();
  for (const planned of options.plan) {
    signal.throwIfAborted();
    for (const site of planned.resetBefore) owed.add(site);
    const result = await runOne(planned, { ...options, owed }, signal);
    results.push(result);
    options.onResult?.(result);
  }
  return results;
}

async function runOne(
  { task, unavailable }: PlannedWebTask,
  options: WebRunOptions & { owed: Set<WebArenaSite> },
  signal: AbortSignal,
): Promise<WebTaskResult> {
  const without = (status: "unavailable" | "error", detail: string): WebTaskResult => ({
    taskId: task.task_id,
    status,
    detail,
    episodeId: null,
    steps: 0,
  });
  if (unavailable !== null) return without("unavailable", unavailable);
  for (const site of task.sites.filter((each) => options.owed.has(each))) {
    try {
      await options.sites.resets[site]?.(signal);
      options.owed.delete(site);
    } catch (error) {
      signal.throwIfAborted();
      return without("error", `${site} could not be put back to its first state: ${messageOf(error)}`);
    }
  }
  const ended = await options.tasks.run(webRolloutTask(task, options));
  return { taskId: task.task_id, ...outcomeOf(ended), episodeId: ended.episodeId, steps: ended.steps };
}

export function webRolloutTask(
  task: WebTask,
  {
    campaign,
    sites,
    model,
    judge,
    pool,
    limits,
  }: Pick<WebRunOptions, "campaign" | "sites" | "model" | "judge" | "pool" | "limits">,
): RolloutTask {
  const parts = [campaign, task.task_id];
  return {
    v: 1,
    kind: "rollout",
    taskId: deriveId("task", ...parts) as TaskId,
    episodeId: deriveId("ep", ...parts) as EpisodeId,
    campaignId: campaign,
    pool,
    environment: worldOf(task, sites),
    limits,
    traceparent: null,
    instruction: {
      id: deriveId("ins", ...parts) as InstructionId,
      kind: "evaluation",
      text: "start_urls" in task ? verifiedInstruction(task) : task.intent,
      asksForAnswer: true,
      expectedResult: null,
      guidance: [],
      documentId: null,
    },
    use: "evaluate",
    model,
    retrieval: null,
    excludeFromRetrieval: { taskIds: [], documentIds: [] },
    reference: "start_urls" in task ? verifiedReference(task) : webArenaReference(task, judge),
    seed: 0,
  };
}

function worldOf(task: WebTask, sites: WebSites): BrowserSpec {
  const { urls, logins } = sites;
  const needed = requirementsOf(task).sites;
  const origins = needed.flatMap((site) => (urls[site] ?? []).slice(0, 1).map((url) => new URL(url).origin));
  const states = task.sites.flatMap((site) => logins[site] ?? []);
  return BrowserSpec.parse({
    kind: "browser",
    start: { kind: "pages", urls: startPlaces(task).map((place) => renderSites(place.trim(), urls)) },
    sites: [...new Set(origins)],
    storageState: states.length === 0 ? null : merged(states),
    clock: clocksOf(task, sites)[0] ?? null,
    // Sites keep what was done, so that doing it again would do it twice.
    resume: "revisit",
  });
}

function merged(states: readonly StorageState[]): StorageState {
  return {
    cookies: states.flatMap(({ cookies }) => cookies),
    origins: states.flatMap(({ origins }) => origins),
  };
}

function outcomeOf({ reason, evaluation, error }: EpisodeEnded): Pick<WebTaskResult, "status" | "detail"> {
  if (reason === "unavailable")
    return { status: "unavailable", detail: error?.message ?? "its world cannot be set up" };
  if (reason === "infrastructure" || reason === "cancelled") {
    return { status: "error", detail: error?.message ?? `the episode ended by ${reason}` };
  }
  // The agent ran into a limit before it had stopped: it has not done what it was asked.
  if (evaluation === null) return { status: "failure", detail: `the episode ended by ${reason}` };
  const status = evaluation.verdict === "unknown" ? "undecided" : evaluation.verdict;
  return { status, detail: evaluation.detail };
}
