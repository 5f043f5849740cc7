// What the fleet's processes hold on this machine: what must return to its level however often they were killed.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Member } from "./fleet.ts";

/**
 * MiB by part: what is resident, and under `<part> (JavaScript)` what of it is in use there; V8 keeps pages that nothing is
 * on. A part is left out where a process of it is away or has not collected its garbage.
 */
export type Memory = Record<string, number>;

/** A collection of garbage takes some 100 ms, but a process that waits for a core takes longer, or one that is stopped. */
const collectionMsMax = 20_000;
/** Until the system has the pages back. */
const pagesMs = 500;

export interface Levels {
  /** Resident after a collection of garbage, of all processes of a part together. */
  memoryMiB: Memory;
  openFiles: number;
  /** Processes of the fleet's sandboxes; other clusters on the machine have theirs. */
  sandboxed: number;
}

/** @param cluster the name of the fleet's (`clusterOf`) */
export async function levelsOf(members: readonly Member[], cluster: string): Promise<Levels> {
  const memoryMiB = await memoryOf(members);
  const pids = members.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  return {
    memoryMiB,
    openFiles: pids.reduce((sum, pid) => sum + openFiles(pid), 0),
    sandboxed: readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isSandbox(name, cluster)).length,
  };
}

export async function memoryOf(members: readonly Member[]): Promise<Memory> {
  for (const member of members) member.collectGarbage();
  const deadline = performance.now() + collectionMsMax;
  while (members.some(({ inUseMiB }) => inUseMiB === null) && performance.now() < deadline) await pause(100);
  await pause(pagesMs);
  const memory: Memory = {};
  for (const [part, of] of Map.groupBy(members, (member) => member.part)) {
    const both = of.map(({ pid, inUseMiB }) => [pid === null ? null : residentMiB(pid), inUseMiB] as const);
    let [resident, inUse] = [0, 0];
    for (const [pages, javaScript] of both) {
      resident += pages ?? Number.NaN;
      inUse += javaScript ?? Number.NaN;
    }
    if (Number.isNaN(resident + inUse)) continue;
    memory[part] = Math.round(resident);
    memory[`${part} (JavaScript)`] = Math.round(inUse);
  }
  return memory;
}

/** 0 for a process that is just gone. */
function residentMiB(pid: number): number {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))?.[1] ?? 0) / 1_024;
  } catch {
    return 0;
  }
}

function openFiles(pid: number): number {
  try {
    return readdirSync(`/proc/${pid}/fd`).length;
  } catch {
    return 0;
  }
}

/** The last word of its command line names the sandbox and its cluster. */
function isSandbox(pid: string, cluster: string): boolean {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8")
      .split("\0")
      .some((word) => word.endsWith(`@${cluster}`));
  } catch {
    return false;
  }
}
