// An instance counts only where its own solution resolves it and doing nothing does not: some tests need what a machine
// lacks, some pass without any patch (benchmarks.md §1.5). Each verdict is kept with the hash of all that it rests on.
import { mkdirSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf, toHindcastError } from "@hindcast/shared";
import {
  InstanceAdmission,
  type InstanceRequirements,
  type PatchVerdict,
  sha256Hex,
  type SweBenchInstance,
  judgedInstance,
  sweBenchSpec,
} from "@hindcast/shared/node";
import { lacksSubmodule, openBaseRepository } from "./base-repository.ts";
import { clockRemedy, findClockLibrary } from "./clock.ts";
import { type EvaluationOptions, evaluatePatch, isLacking } from "./evaluate-patch.ts";
import { readWhereThere } from "./file-lock.ts";
import type { TestbedSources } from "./testbed.ts";

/** Raised when evaluations come out otherwise than before: stored verdicts no longer count. */
const evaluatorVersion = 4;

export interface AdmissionOptions extends Pick<EvaluationOptions, "limits" | "timeoutMs"> {
  instance: SweBenchInstance;
  requirements: InstanceRequirements;
  /** Where verdicts and logs are kept. */
  folder: string;
  /** Also where a verdict is stored already. */
  isRepeated: boolean;
  onPhase: (phase: string) => void;
}

/** @throws HindcastError only for what would hit every instance alike, such as a machine without sandboxes */
export async function admit(
  options: AdmissionOptions,
  sources: TestbedSources,
  signal: AbortSignal,
): Promise<{ admission: InstanceAdmission; isStored: boolean }> {
  const { instance, folder } = options;
  const { hashes, file } = placeOf(options);
  const stored = options.isRepeated ? null : readAdmission(file);
  if (stored !== null) return { admission: stored, isStored: true };
  const startedAt = performance.now();
  const outcome = await bothPatches(options, sources, signal);
  const admission: InstanceAdmission = {
    v: 1,
    kind: "swe-bench-admission",
    instanceId: instance.instance_id,
    ...hashes,
    pinnedFor: options.requirements.pinnedFor === instance.instance_id ? null : options.requirements.pinnedFor,
    ...outcome,
    seconds: Math.round(performance.now() - startedAt) / 1000,
  };
  // What a machine lacks today it may have tomorrow, and tests that came to no end may come to one within other limits.
  const isInconclusive =
    (outcome.gold?.patch.isApplied === true && outcome.gold.problem !== null) ||
    (outcome.status === "rejected" && (await isIncomplete(instance, sources, signal)));
  if (admission.status !== "unavailable" && !isInconclusive) {
    mkdirSync(folder, { recursive: true });
    writeFileSync(`${file}.${process.pid}`, `${JSON.stringify(admission, null, 2)}\n`);
    renameSync(`${file}.${process.pid}`, file);
  }
  return { admission, isStored: false };
}

/** By what an admission rests on, and the file that holds it. */
function placeOf({ instance, requirements, folder }: Pick<AdmissionOptions, "instance" | "requirements" | "folder">): {
  hashes: Pick<InstanceAdmission, "taskHash" | "environmentHash">;
  file: string;
} {
  const keys = [requirements.environment, requirements.packages].flatMap((pins) => pins?.key ?? []);
  const hashes = { taskHash: taskHash(instance), environmentHash: keys.length === 0 ? null : keys.join("-") };
  const name = `${instance.instance_id}-${sha256Hex(JSON.stringify(hashes)).slice(0, 12)}.json`;
  return { hashes, file: join(folder, name) };
}

/** The day on which the instance was admitted; null where that was today, or where it was not. */
export function admittedClock(options: Pick<AdmissionOptions, "instance" | "requirements" | "folder">): string | null {
  return readAdmission(placeOf(options).file)?.clock ?? null;
}

/** Its tests may have failed for want of a submodule. */
async function isIncomplete(
  { repo: repository, base_commit: commit }: SweBenchInstance,
  { repositories: places, cache }: TestbedSources,
  signal: AbortSignal,
): Promise<boolean> {
  await using base = await openBaseRepository({ repository, commit }, { places, cache }, signal);
  return lacksSubmodule(base.facts);
}

type Outcome = Pick<InstanceAdmission, "status" | "reason" | "gold" | "empty" | "clock">;
type Run = (phase: "empty patch" | "gold patch", clock: string | null) => Promise<PatchVerdict>;

async function bothPatches(options: AdmissionOptions, sources: TestbedSources, signal: AbortSignal): Promise<Outcome> {
  const { instance, requirements, folder } = options;
  const nothing = { gold: null, empty: null, clock: null };
  if (requirements.isPython && requirements.environment === null) {
    const reason = `nobody pinned the environment of ${instance.instance_id} or of another instance of ${instance.repo} ${instance.version}: name a file with its pins with --pins`;
    return { ...nothing, status: "unavailable", reason };
  }
  const run: Run = async (phase, clock) => {
    options.onPhase(clock === null ? phase : `${phase} at ${clock}`);
    const id = `swe-${instance.instance_id}-${phase.split(" ")[0]}-${process.pid}`;
    const patch = phase === "gold patch" ? instance.patch : "";
    const judged = {
      ...options,
      instance: judgedInstance(instance),
      testbed: sweBenchSpec({ ...requirements, clock }),
    };
    const { verdict, log } = await evaluatePatch({ ...judged, id, patch }, sources, signal);
    mkdirSync(join(folder, "logs"), { recursive: true });
    writeFileSync(join(folder, "logs", `${instance.instance_id}.${phase.split(" ")[0]}.log`), log);
    return verdict;
  };
  try {
    const { clock } = requirements;
    const empty = await run("empty patch", clock);
    const gold = await run("gold patch", clock);
    const outcome = { gold, empty, clock, ...conclusion(gold, empty) };
    const then = clock === null && gold.problem === null && gold.resolution !== "full" ? createdAt(instance) : null;
    return then === null ? outcome : await turnedBack(outcome, then, run);
  } catch (error) {
    signal.throwIfAborted();
    const known = toHindcastError(error, "environment");
    if (!isLacking(known)) throw known;
    return { ...nothing, status: "unavailable", reason: messageOf(known) };
  }
}

/** Null where nobody wrote it down. */
function createdAt({ created_at: text }: SweBenchInstance): string | null {
  // Multilingual's have no zone and no "T": they are UTC too.
  const time = Date.parse(`${text?.trim().replace(" ", "T").replace(/Z?$/, "Z")}`);
  return Number.isNaN(time) ? null : new Date(time).toISOString();
}

/** Whether the gold patch fails only for today's date is seen by trying it on the instance's own day. */
async function turnedBack(today: Outcome, clock: string, run: Run): Promise<Outcome> {
  if (findClockLibrary() === null) {
    const reason = `${today.reason}; whether only for the date cannot be told without libfaketime: ${clockRemedy}`;
    return { ...today, status: "unavailable", reason };
  }
  const gold = await run("gold patch", clock);
  if (gold.resolution !== "full") return { ...today, reason: `${today.reason}, nor on its own day (${clock})` };
  const empty = await run("empty patch", clock);
  const { status, reason } = conclusion(gold, empty);
  return { gold, empty, clock, status, reason: `${reason}, on ${clock}: dates break its tests today` };
}

function conclusion(gold: PatchVerdict, empty: PatchVerdict): Pick<InstanceAdmission, "status" | "reason"> {
  if (gold.resolution !== "full") {
    const first = gold.failed[0] === undefined ? "" : `, first ${gold.failed[0]}`;
    const failing = gold.failToPass.total - gold.failToPass.passed + gold.passToPass.total - gold.passToPass.passed;
    const label = gold.infrastructure === null ? "" : ` (${gold.infrastructure.tier}: ${gold.infrastructure.reason})`;
    return {
      status: "rejected",
      reason: `the gold patch does not resolve it: ${gold.problem ?? `${failing} tests fail${first}`}${label}`,
    };
  }
  if (empty.resolution === "full") return { status: "rejected", reason: "its tests pass without any patch" };
  return { status: "admitted", reason: "the gold patch resolves it and the empty one does not" };
}

/** Of the repository and all that the instance is judged by. */
function taskHash(instance: SweBenchInstance): string {
  const { repo, base_commit: commit, patch, test_patch: testPatch, created_at: createdOn, clock } = instance;
  const judged = judgedInstance(instance);
  return sha256Hex(JSON.stringify([evaluatorVersion, repo, commit, patch, testPatch, judged, createdOn, clock]));
}

/** Null where none is stored, or one that an older version wrote and nobody can read. */
function readAdmission(file: string): InstanceAdmission | null {
  const text = readWhereThere(file);
  if (text === null) return null;
  try {
    return InstanceAdmission.parse(JSON.parse(text));
  } catch (error) {
    throw new HindcastError({
      code: "INTERNAL",
      boundary: "environment",
      message: `${file} holds no admission (${messageOf(error)}): remove it, or run with --again`,
      cause: error,
    });
  }
}
