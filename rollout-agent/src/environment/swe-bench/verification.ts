// Runs the instances of a data file: admission of each, or the judging of predictions.
import { join } from "node:path";
import { HindcastError, messageOf, type PinnedNode, toHindcastError } from "@hindcast/shared";
import {
  PinnedEnvironments,
  type Prediction,
  readEnvironmentPins,
  readNodePins,
  readPredictions,
  readSweBenchInstances,
  instanceRequirements,
  type SweBenchInstance,
  judgedInstance,
  sweBenchSpec,
  type VerificationEvent,
  type VerificationRequest,
} from "@hindcast/shared/node";
import type { SandboxProvider } from "../../sandbox/sandbox.ts";
import { admit, admittedClock } from "./admission.ts";
import { evaluatePatch, isLacking } from "./evaluate-patch.ts";
import { openSources } from "./sources.ts";
import type { TestbedSources } from "./testbed.ts";

export interface Verification {
  request: VerificationRequest;
  sandboxes: SandboxProvider;
  searchPath: string;
  onEvent: (event: VerificationEvent) => void;
}

/** @throws HindcastError for what keeps every instance from being run: unreadable files, no sandboxes */
export async function runVerification(verification: Verification, signal: AbortSignal): Promise<void> {
  const { request, onEvent } = verification;
  const instances = selected(await readSweBenchInstances(request.instances), request.ids);
  const pins = request.pins === null ? new PinnedEnvironments() : await readEnvironmentPins(request.pins);
  const packages = request.pins === null ? new Map<string, PinnedNode>() : await readNodePins(request.pins);
  const predictions = request.predictions === null ? null : await readPredictions(request.predictions);
  const sources = openSources({ ...request, searchPath: verification.searchPath }, verification.sandboxes);
  onEvent({ event: "started", instances: instances.length });
  const queue = instances.values();
  // What ends one worker ends all: the rest of the queue would be work for nobody.
  const failed = new AbortController();
  const both = AbortSignal.any([signal, failed.signal]);
  // Each worker takes the next instance from the one queue.
  const work = async (): Promise<void> => {
    try {
      for (const instance of queue) {
        both.throwIfAborted();
        await runOne({ verification, sources, pins, packages, predictions }, instance, both);
      }
    } catch (error) {
      failed.abort(error);
      throw error;
    }
  };
  await Promise.all(Array.from({ length: request.parallel }, work));
}

interface RunContext {
  verification: Verification;
  sources: TestbedSources;
  pins: PinnedEnvironments;
  packages: ReadonlyMap<string, PinnedNode>;
  predictions: readonly Prediction[] | null;
}

async function runOne(context: RunContext, instance: SweBenchInstance, signal: AbortSignal): Promise<void> {
  const { verification, sources, pins, packages, predictions } = context;
  const { request, onEvent } = verification;
  const { memoryBytesMax, diskBytesMax, processesMax, timeoutMs, isRepeated, cache } = request;
  const instanceId = instance.instance_id;
  const options = {
    instance,
    requirements: instanceRequirements(instance, pins, packages),
    limits: { memoryBytesMax, diskBytesMax, processesMax },
    timeoutMs,
  };
  const folder = join(cache, "verdicts");
  if (predictions === null) {
    const onPhase = (phase: string): void => onEvent({ event: "phase", instanceId, phase });
    const { admission, isStored } = await admit({ ...options, folder, isRepeated, onPhase }, sources, signal);
    onEvent({ event: "admission", isStored, admission });
    return;
  }
  const prediction = predictions.find(({ instance_id: id }) => id === instanceId);
  if (prediction === undefined) return;
  const evaluation = { event: "evaluation" as const, instanceId, model: prediction.model_name_or_path };
  onEvent({ event: "phase", instanceId, phase: "prediction" });
  try {
    const id = `swe-${instanceId}-prediction-${process.pid}`;
    const patch = prediction.model_patch ?? "";
    // As its gold patch was judged.
    const clock = options.requirements.clock ?? admittedClock({ ...options, folder });
    const testbed = sweBenchSpec({ ...options.requirements, clock });
    const judged = { ...options, instance: judgedInstance(instance), testbed };
    const { verdict } = await evaluatePatch({ ...judged, id, patch }, sources, signal);
    onEvent({ ...evaluation, verdict, problem: null });
  } catch (error) {
    signal.throwIfAborted();
    const known = toHindcastError(error, "environment");
    if (!isLacking(known)) throw known;
    onEvent({ ...evaluation, verdict: null, problem: messageOf(known) });
  }
}

/** @throws CONFIG_INVALID where an id names nothing in the file */
function selected(instances: readonly SweBenchInstance[], ids: readonly string[]): SweBenchInstance[] {
  if (ids.length === 0) return [...instances];
  const patterns = ids.map((id) => ({
    id,
    pattern: new RegExp(
      `^${id
        .split("*")
        .map((part) => RegExp.escape(part))
        .join(".*")}$`,
    ),
  }));
  const unknown = patterns.find(({ pattern }) => !instances.some(({ instance_id: id }) => pattern.test(id)));
  if (unknown !== undefined) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `--instances names "${unknown.id}", which none of the ${instances.length} instances of the file is`,
    });
  }
  return instances.filter(({ instance_id: id }) => patterns.some(({ pattern }) => pattern.test(id)));
}
