// One attempt at a rollout task: open a world, continue what an earlier attempt left or begin, run the episode, close.
import { leaseOf, messageOf, toHindcastError } from "@hindcast/shared";
import type { EpisodeEnded, RolloutTask, Trajectory, WorkerId } from "@hindcast/shared";
import { type Bus, type Logger, type Model, onAccount } from "@hindcast/shared/node";
import type { Environment, EnvironmentProvider } from "../environment/environment.ts";
import type { AgentMetrics } from "../metrics.ts";
import { ModelPolicy } from "../policy/model-policy.ts";
import { BusRetriever } from "../retrieval/bus-retriever.ts";
import { noRetriever } from "../retrieval/retriever.ts";
import { sandboxName } from "../sandbox/sandbox-name.ts";
import { AdmissionWait } from "./admission-wait.ts";
import { EpisodeRecorder } from "./episode-recorder.ts";
import { runEpisode } from "./episode.ts";
import { type Inheritance, readInheritance, rebuildInherited, refuseDeadly } from "./resume.ts";

export interface AttemptDeps {
  bus: Bus;
  workerId: WorkerId;
  environments: (kind: RolloutTask["environment"]["kind"]) => EnvironmentProvider;
  model: (id: string) => Model;
  logger: Logger;
  /** Finish the running step, then hand back. */
  drain: AbortSignal;
  /** @default nobody counts */
  metrics?: Pick<AgentMetrics, "attemptBegan" | "stepRecorded" | "episodeEnded">;
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
  /** @throws once the lease is lost */
  assertHeld?: () => void;
}

export async function runAttempt(
  deps: AttemptDeps,
  hold: Hold,
  signal: AbortSignal,
): Promise<EpisodeEnd | "handed-back"> {
  const { task, fencingToken, deliveryCount: delivery } = hold;
  const { bus, workerId } = deps;
  const inheritance = await readInheritance(bus, task, delivery);
  refuseDeadly(inheritance, task);
  const { attempt } = inheritance;
  const recorder = new EpisodeRecorder({
    bus,
    task,
    workerId,
    attempt,
    fencingToken,
    delivery,
    assertHeld: hold.assertHeld,
    signal,
  });
  await recorder.begun();
  try {
    const end = await runRecorded(deps, hold, { inheritance, recorder }, signal);
    if (end === "handed-back") await note(deps, () => recorder.yielded());
    return end;
  } catch (error) {
    // One who has been stopped has nothing to say, and one who has lost the lease must not.
    if (!signal.aborted) await note(deps, () => recorder.failed(toHindcastError(error, "environment")));
    throw error;
  }
}

async function runRecorded(
  deps: AttemptDeps,
  hold: Hold,
  { inheritance, recorder }: { inheritance: Inheritance; recorder: EpisodeRecorder },
  signal: AbortSignal,
): Promise<EpisodeEnd | "handed-back"> {
  const { task } = hold;
  const { attempt } = inheritance;
  await using worlds = new WorldOpener(deps, hold, attempt);
  const { environment, trajectory } = await begin(deps, { task, inheritance, recorder, worlds }, signal);
  const wait = new AdmissionWait(deps.logger.child({ episodeId: task.episodeId }));
  const model = onAccount(deps.model(task.model), { campaignId: task.campaignId, observer: wait });
  const retriever = task.retrieval === null ? noRetriever : new BusRetriever(deps.bus, model);
  const outcome = await runEpisode(
    {
      task,
      environment,
      policy: new ModelPolicy(model),
      retriever,
      recorder,
      trajectory,
      drain: deps.drain,
      judge: (name) => onAccount(deps.model(name), { campaignId: task.campaignId, observer: wait }),
      wait,
      ...(deps.metrics === undefined ? {} : { metrics: deps.metrics }),
    },
    signal,
  );
  if (outcome.kind === "handed-back") return "handed-back";
  const { reason, detail, closing, evaluation, governor } = outcome;
  if (detail !== "") deps.logger.info({ event: "episode.stopped", episodeId: task.episodeId, reason, detail });
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

/** Continues at the last committed step where the world can be rebuilt to it; starts afresh where it cannot. */
async function begin(
  { bus, logger, metrics }: AttemptDeps,
  {
    task,
    inheritance: { attempt, previous, divergences },
    recorder,
    worlds,
  }: { task: RolloutTask; inheritance: Inheritance; recorder: EpisodeRecorder; worlds: WorldOpener },
  signal: AbortSignal,
): Promise<{ environment: Environment; trajectory: Trajectory }> {
  let environment = worlds.open();
  const { episodeId } = task;
  if (previous !== null) {
    const { trajectory, stepBytes, fencingToken } = previous;
    const from = { attempt: previous.attempt, fencingToken };
    const divergence = await rebuildInherited(bus, environment, { previous, divergences, task }, signal);
    if (divergence === null) {
      recorder.inherit(stepBytes);
      await recorder.started(trajectory.initial, { ...from, step: trajectory.steps.length });
      metrics?.attemptBegan("resumed");
      logger.info({ event: "episode.resumed", episodeId, attempt, step: trajectory.steps.length });
      return { environment, trajectory };
    }
    await recorder.diverged({ from, ...divergence });
    metrics?.attemptBegan("diverged");
    logger.warn({ event: "episode.diverged", episodeId, attempt, from, ...divergence }, "starting afresh");
    environment = await worlds.reopen(environment);
  }
  if (previous === null) metrics?.attemptBegan("fresh");
  const initial = await recorder.observed(await environment.reset(signal), 0, signal);
  await recorder.started(initial, null);
  return { environment, trajectory: { initial, steps: [] } };
}

async function note({ logger }: AttemptDeps, write: () => Promise<void>): Promise<void> {
  try {
    await write();
  } catch (unrecorded) {
    // Without it the history of a dead letter says less, and an orderly stop counts as a death; what happens next is the same.
    logger.warn({ event: "attempt.unrecorded", err: unrecorded }, messageOf(unrecorded));
  }
}

/** Opens the worlds of one attempt and closes every one of them, whatever happens. */
class WorldOpener implements AsyncDisposable {
  readonly #deps: AttemptDeps;
  readonly #hold: Hold;
  readonly #attempt: number;
  readonly #opened: Environment[] = [];

  constructor(deps: AttemptDeps, hold: Hold, attempt: number) {
    this.#deps = deps;
    this.#hold = hold;
    this.#attempt = attempt;
  }

  open(): Environment {
    const { task } = this.#hold;
    const suffix = this.#opened.length === 0 ? "" : `-${this.#opened.length}`;
    const { environments, workerId } = this.#deps;
    const environment = environments(task.environment.kind).create({
      id: sandboxName({
        workerId,
        campaignId: task.campaignId,
        lease: leaseOf.episode(task.episodeId),
        world: `${this.#attempt}${suffix}`,
      }),
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
