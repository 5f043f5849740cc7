// One episode: reset → (retrieve → act → step → record)* → evaluate. The loop of the paper's Algorithm 2, with what a
// long-running system adds: limits, a place to hand back, and a record that is acknowledged before the next step.
import { isUsableEnd, messageOf } from "@hindcast/shared";
import type { EndReason, Evaluation, ModelCall, RolloutTask, Step, Trajectory, Turn } from "@hindcast/shared";
import { inSpan, type Model, modelCallOf, type ModelSource } from "@hindcast/shared/node";
import type { Environment } from "../environment/environment.ts";
import type { AgentMetrics } from "../metrics.ts";
import type { Policy } from "../policy/policy.ts";
import type { Retriever } from "../retrieval/retriever.ts";
import type { AdmissionWait } from "./admission-wait.ts";
import { Deadline } from "./deadline.ts";
import type { EpisodeRecorder } from "./episode-recorder.ts";
import { LimitGovernor } from "./limit-governor.ts";

export interface EpisodeContext {
  task: RolloutTask;
  environment: Environment;
  policy: Policy;
  retriever: Retriever;
  recorder: EpisodeRecorder;
  /** `o_0` and what an earlier attempt already did (no steps on a first attempt); the environment stands at its end. */
  trajectory: Trajectory;
  /** Aborts when the worker drains: finish the running step, then hand back. */
  drain: AbortSignal;
  /** Whom evaluators may ask; what it costs is the episode's. */
  judge?: ModelSource;
  /** What the model calls wait for admission: no time of the episode's. */
  wait?: AdmissionWait;
  metrics?: Pick<AgentMetrics, "stepRecorded">;
}

export type EpisodeOutcome =
  | { kind: "handed-back"; stepsDone: number }
  | {
      kind: "ended";
      reason: EndReason;
      detail: string;
      closing: Turn | null;
      evaluation: Evaluation | null;
      trajectory: Trajectory;
      governor: LimitGovernor;
    };

type Stop = { reason: EndReason; detail: string; closing: Turn | null };

/** @throws HindcastError when Hindcast or its surroundings fail; whatever the policy does is an outcome. */
export async function runEpisode(context: EpisodeContext, signal: AbortSignal): Promise<EpisodeOutcome> {
  const { task, trajectory, drain } = context;
  const governor = new LimitGovernor(task.limits, trajectory.steps, () => context.wait?.totalMs ?? 0);
  using deadline = new Deadline(governor.timeLeftMs, signal);
  context.wait?.holds(deadline);
  let stop: Stop | null = endedByWorld(trajectory.steps.at(-1));
  while (stop === null) {
    if (drain.aborted) return { kind: "handed-back", stepsDone: trajectory.steps.length };
    const hit = governor.check(trajectory);
    const attributes = { "hindcast.step.index": trajectory.steps.length + 1 };
    stop =
      hit === null
        ? await inSpan("step", { attributes }, () => takeStep(context, governor, deadline))
        : { ...hit, closing: null };
  }
  const evaluation = isUsableEnd(stop.reason)
    ? await evaluate(context, { closing: stop.closing, governor }, signal)
    : null;
  return { kind: "ended", ...stop, evaluation, trajectory, governor };
}

/** Retrieve, act, step, record. @returns why the episode stops here, or null. */
async function takeStep(
  { task, environment, policy, retriever, recorder, trajectory, wait, metrics }: EpisodeContext,
  governor: LimitGovernor,
  deadline: Deadline,
): Promise<Stop | null> {
  const { signal } = deadline;
  const now = (): number => performance.now() - (wait?.totalMs ?? 0);
  try {
    signal.throwIfAborted();
    const startedAt = now();
    const retrieval = await retriever.demonstrationsFor(task, trajectory, signal);
    governor.addCalls(retrieval.calls);
    const retrievedAt = now();

    const stepsLeft = task.limits.stepsMax - trajectory.steps.length;
    const answer = await policy.act(
      { task, trajectory, retrieved: retrieval.demonstrations, stepsLeft, world: environment.description ?? null },
      signal,
    );
    governor.addCalls(answer.kind === "turn" ? answer.turn.calls : answer.calls);
    if (answer.kind !== "turn") return { reason: answer.kind, detail: answer.detail, closing: null };
    const turn: Turn = {
      ...answer.turn,
      calls: [...retrieval.calls, ...answer.turn.calls],
      retrieved: retrieval.demonstrations.map(({ reference }) => reference),
    };
    if (turn.action.kind === "stop") return { reason: "submitted", detail: "", closing: turn };
    const actedAt = now();

    const tool = { "gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": turn.action.kind };
    const state = await inSpan(`execute_tool ${turn.action.kind}`, { attributes: tool }, () =>
      environment.step(turn.action, signal),
    );
    governor.outputBytes += state.outputBytes;
    const index = trajectory.steps.length + 1;
    const observed = await recorder.observed(state, index, signal);
    const timings = {
      retrieveMs: retrievedAt - startedAt,
      actMs: actedAt - retrievedAt,
      environmentMs: now() - actedAt,
    };
    const step: Step = { index, turn, observed, timings, ...(state.terminated && { terminated: true }) };
    const recordedFrom = now();
    await recorder.step(step);
    metrics?.stepRecorded(task.environment.kind, timings, now() - recordedFrom);
    trajectory.steps.push(step);
    return endedByWorld(step);
  } catch (error) {
    if (!deadline.hasPassed) throw error;
    return {
      reason: "time-limit",
      detail: `${task.limits.wallTimeMs} ms have passed: ${messageOf(error)}`,
      closing: null,
    };
  }
}

/** Of the last step, whichever attempt recorded it: a crash between that step and the episode's end gives no more turns. */
function endedByWorld(step: Step | undefined): Stop | null {
  return step?.terminated === true ? { reason: "submitted", detail: "the environment ended it", closing: null } : null;
}

/** Tells of every call that is answered. */
function counted(source: ModelSource, tell: (call: ModelCall) => void): ModelSource {
  return (name, batch) => {
    const model = source(name, batch);
    const complete: Model["complete"] = async (request, signal) => {
      const completion = await model.complete(request, signal);
      tell(modelCallOf(model, request, completion));
      return completion;
    };
    return { ...model, complete };
  };
}

/** An evaluator that breaks leaves the episode's success unknown; it never makes it a failure. */
async function evaluate(
  { task, environment, trajectory, recorder, judge }: EpisodeContext,
  { closing, governor }: { closing: Turn | null; governor: LimitGovernor },
  signal: AbortSignal,
): Promise<Evaluation | null> {
  if (task.reference === null) return null;
  try {
    const answer = closing?.action.kind === "stop" ? closing.action.answer : null;
    const asked = judge === undefined ? {} : { judge: counted(judge, (call) => governor.addCalls([call])) };
    const request = { reference: task.reference, answer, trajectory, ...asked };
    const evaluation = await environment.evaluate(request, signal);
    const { submission = null } = environment;
    return submission === null ? evaluation : { ...evaluation, artifacts: await recorder.stored([submission]) };
  } catch (error) {
    signal.throwIfAborted();
    return {
      verdict: "unknown",
      evaluator: task.reference.kind ?? "end-state",
      detail: messageOf(error).slice(0, 4_000),
    };
  }
}
