// Runs probes against targets, one after the other: a bomb next door would change what the others see.
import { createHash } from "node:crypto";
import { join } from "node:path";
import { messageOf } from "@hindcast/shared";
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { type Box, NotTried, type Target } from "./box.ts";
import { driverTarget } from "./driver-target.ts";
import { anOutside, type Outside } from "./outside.ts";
import { NotInThisKernel, type Probe } from "./probe.ts";
import { silent } from "./silent.ts";
import { type Weakening, weakenedTarget } from "./weakened-target.ts";

export interface Outcome {
  /** `worked`: the attempt; `held`: the sandbox; `none`: it says nothing here, for a reason. */
  verdict: "worked" | "held" | "none";
  /** Why it says nothing, or what the probe ended with. */
  detail: string | null;
  durationMs: number;
}

export interface Row {
  probe: Probe;
  /** By the driver's name. */
  drivers: Record<string, Outcome>;
  /** Null where it was not run: that takes root. */
  weakened: Outcome | null;
}

export interface SuiteOptions {
  providers: readonly SandboxProvider[];
  probes: readonly Probe[];
  /** @default when we are root */
  isWeakenedRun?: boolean;
  /** Categories that are run at once; bombs and what measures time come alone after them. @default 1 */
  lanes?: number;
  show?: (line: string) => void;
}

const alone: ReadonlySet<string> = new Set(["bombs", "time"]);

/** How long one attempt may take in all. */
const attemptMsMax = 120_000;

/** Attempts in a weakened sandbox until a probe has worked. In a driver's there is one, and it must not. */
const weakenedTriesMax = 3;

export async function runSuite(options: SuiteOptions): Promise<Row[]> {
  const { probes, lanes = 1 } = options;
  await using outside = await anOutside();
  // What the agent's own environment holds is none of a sandbox's business.
  process.env["HINDCAST_SECURITY_FLAG"] = outside.flag;
  try {
    const rows = new Map<Probe, Row>();
    const groups = [...Map.groupBy(probes, ({ category }) => category)].toSorted(
      ([a], [b]) => Number(alone.has(a)) - Number(alone.has(b)),
    );
    const together = groups.filter(([category]) => !alone.has(category));
    const queue = together.map(([, group]) => group);
    const lane = async (): Promise<void> => {
      for (let group = queue.shift(); group !== undefined; group = queue.shift()) {
        for (const probe of group) rows.set(probe, await rowOf(probe, outside, options));
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    queue.push(...groups.slice(together.length).map(([, group]) => group));
    await lane();
    return probes.flatMap((probe) => rows.get(probe) ?? []);
  } finally {
    delete process.env["HINDCAST_SECURITY_FLAG"];
  }
}

async function rowOf(probe: Probe, outside: Outside, options: SuiteOptions): Promise<Row> {
  const { providers, isWeakenedRun = process.getuid?.() === 0, show } = options;
  show?.(`${probe.category}/${probe.id}`);
  const drivers: Record<string, Outcome> = {};
  for (const provider of providers) {
    const reason = silent[provider.name]?.[`${probe.category}/${probe.id}`];
    drivers[provider.name] =
      reason === undefined
        ? await attempt(probe, driverTarget(provider, outside.helper), outside)
        : { verdict: "none", detail: reason, durationMs: 0 };
  }
  return { probe, drivers, weakened: isWeakenedRun ? await weakened(probe, outside) : null };
}

/** A probe proves something when it works once; on a busy machine what it attacks may not be up in time. */
async function weakened(probe: Probe, outside: Outside): Promise<Outcome> {
  const missing = probe.missing?.(outside) ?? null;
  if (missing !== null) return { verdict: "none", detail: missing, durationMs: 0 };
  const weakening: Weakening = probe.weakening ?? "shared";
  const target = weakenedTarget({
    weakening,
    folder: join(outside.folder, weakening),
    helper: outside.helper,
    openFile: outside.files.closed,
    metadata: outside.flag,
  });
  for (let tries = 1; ; tries += 1) {
    try {
      const outcome = await attempt(probe, target, outside);
      if (outcome.verdict !== "held" || tries === weakenedTriesMax) return outcome;
    } finally {
      await target.clear();
    }
  }
}

async function attempt(probe: Probe, target: Target, outside: Outside): Promise<Outcome> {
  const startedAt = performance.now();
  const opened: Box[] = [];
  const name = `${probe.category}-${probe.id}`;
  const open = async (id?: string): Promise<Box> => {
    const box = await target
      .open(id ?? `probe-${name}-${opened.length}-${process.pid}`)
      .catch((error: unknown) => Promise.reject(new NotTried(messageOf(error))));
    opened.push(box);
    return box;
  };
  const nonce = `n${createHash("sha256").update(`${outside.flag} ${target.name} ${name}`).digest("hex").slice(0, 30)}`;
  const since = (): number => Math.round(performance.now() - startedAt);
  try {
    const box = await open();
    const works = await inTime(probe.attack({ box, open, outside, nonce }));
    return { verdict: works ? "worked" : "held", detail: null, durationMs: since() };
  } catch (error) {
    if (error instanceof NotTried && target.name !== "weakened") {
      return { verdict: "none", detail: error.message.slice(0, 200), durationMs: since() };
    }
    // What a driver's kernel does not have, nobody can misuse; in a weakened sandbox it proves nothing.
    const isUnknown = error instanceof NotInThisKernel && target.name === "weakened";
    const detail = isUnknown ? "this kernel does not have it" : messageOf(error).slice(0, 200);
    return { verdict: isUnknown ? "none" : "held", detail, durationMs: since() };
  } finally {
    await Promise.all(opened.map((box) => box.close()));
  }
}

async function inTime<T>(work: Promise<T>): Promise<T> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new NotTried(`no end after ${attemptMsMax} ms`)), attemptMsMax);
  try {
    return await Promise.race([work, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What is wrong: a sandbox that did not hold, or a probe that was not seen to work where it must. */
export function problemsOf(rows: readonly Row[]): string[] {
  return rows.flatMap(({ probe, drivers, weakened: control }) => {
    const name = `${probe.category}/${probe.id}`;
    const broken = Object.entries(drivers)
      .filter(([, { verdict }]) => verdict === "worked")
      .map(([driver]) => `${name} worked in ${driver}: it got ${probe.attempts}`);
    const idle = control?.verdict === "held";
    return idle ? [...broken, `${name} did not work in a weakened sandbox (${control.detail ?? "no effect"})`] : broken;
  });
}
