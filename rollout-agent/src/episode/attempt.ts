// One attempt at a rollout task: open a world, continue what an earlier attempt left or begin, run the episode, close.
import type { EpisodeEnded, RolloutTask, Trajectory, WorkerId } from "@hindcast/shared";
import { type Bus, type Logger, type Model, onAccount } from "@hindcast/shared/node";
import type { Environment, EnvironmentProvider } from "../environment/environment.ts";
import { ModelPolicy } from "../policy/model-policy.ts";
import { BusRetriever } from "../retrieval/bus-retriever.ts";
import { noRetriever } from "../retrieval/retriever.ts";
import { AdmissionWait } from "./admission-wait.ts";
import { EpisodeRecorder } from "./episode-recorder.ts";
import { runEpisode } from "./episode.ts";
import { findBeginning } from "./resume.ts";

export interface AttemptDeps {
  bus: Bus;
  workerId: WorkerId;
  environments: (kind: RolloutTask["environment"]["kind"]) => EnvironmentProvider;
  model: (id: string) => Model;
  logger: Logger;
  /** Finish the running step, then hand back. */
  drain: AbortSignal;
}

/** What an attempt puts into the terminal record. */
export type EpisodeEnd = Pick<
  EpisodeEnded,
  "attempt" | "reason" | "closing" | "answer" | "steps" | "digest" | "evaluation" | "usage" | "costUsd" | "error"
>;

/** A worker's hold on a task. */
export interface Hold {
  task: RolloutTask;
  deliveryCount: number;
  fencingToken: number;
}

export async function runAttempt(
  deps: AttemptDeps,
  hold: Hold,
  signal: AbortSignal,
): Promise<EpisodeEnd | "handed-back"> {
  const { task } = hold;
  await using worlds = new WorldOpener(deps, hold);
  const { environment, recorder, trajectory, attempt } = await begin(deps, hold, worlds, signal);
  const wait = new AdmissionWait(deps.logger.child({ episodeId: task.episodeId }));
  const model = onAccount(deps.model(task.model), { campaignId: task.campaignId, observer: wait });
  const retriever = task.retrieval === null ? noRetriever : new BusRetriever(deps.bus, model);
  const outcome = await runEpisode(
    { task, environment, policy: new ModelPolicy(model), retriever, recorder, trajectory, drain: deps.drain, wait },
    signal,
  );
  if (outcome.kind === "handed-back") return "handed-back";
  const { reason, closing, evaluation, governor } = outcome;
  return {
    attempt,
    reason,
    closing,
    answer: closing?.action.kind === "stop" ? closing.action.answer : null,
    steps: trajectory.steps.length,
    digest: recorder.digest,
    evaluation,
    usage: governor.usage,
    costUsd: governor.costUsd,
    error: null,
  };
}

async function begin(
  deps: AttemptDeps,
  hold: Hold,
  worlds: WorldOpener,
  signal: AbortSignal,
): Promise<{ environment: Environment; recorder: EpisodeRecorder; trajectory: Trajectory; attempt: number }> {
  const { bus, workerId, logger } = deps;
  const { task, deliveryCount, fencingToken } = hold;
  let environment = worlds.open();
  const { attempt, resumed } = await findBeginning(bus, task, environment, { deliveryCount, signal });
  const inheritedBytes = resumed?.stepBytes ?? [];
  const recorder = new EpisodeRecorder({ bus, task, workerId, attempt, fencingToken, inheritedBytes });
  if (resumed !== null) {
    const { trajectory } = resumed;
    await recorder.started(trajectory.initial, {
      attempt: resumed.attempt,
      fencingToken: resumed.fencingToken,
      step: trajectory.steps.length,
    });
    logger.info({ event: "episode.resumed", episodeId: task.episodeId, attempt, step: trajectory.steps.length });
    return { environment, recorder, trajectory, attempt };
  }
  // A rebuilt state that differs from the record has used the first world; a fresh attempt gets a fresh one.
  if (attempt > 1) environment = await worlds.reopen(environment);
  const initial = await recorder.observed(await environment.reset(signal), signal);
  await recorder.started(initial, null);
  return { environment, recorder, trajectory: { initial, steps: [] }, attempt };
}

/** Opens the worlds of one attempt and closes every one of them, whatever happens. */
class WorldOpener implements AsyncDisposable {
  readonly #deps: AttemptDeps;
  readonly #hold: Hold;
  readonly #opened: Environment[] = [];

  constructor(deps: AttemptDeps, hold: Hold) {
    this.#deps = deps;
    this.#hold = hold;
  }

  open(): Environment {
    const { task, deliveryCount } = this.#hold;
    const suffix = this.#opened.length === 0 ? "" : `-${this.#opened.length}`;
    const environment = this.#deps.environments(task.environment.kind).create({
      id: `${task.episodeId}-${deliveryCount}${suffix}`,
      spec: task.environment,
      limits: task.limits,
    });
    this.#opened.push(environment);
    return environment;
  }

  async reopen(used: Environment): Promise<Environment> {
    await used.close();
    return this.open();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.#opened.map((environment) => environment.close()));
  }
}
