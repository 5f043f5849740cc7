// What the fleet's processes hold on this machine: what must return to its level however often they were killed.
import { readdirSync, readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import type { Member } from "./fleet.ts";

/** MiB by part: what is resident, and under `<part> (JavaScript)` what of it is in use there; V8 keeps pages that nothing is on. */
export type Memory = Record<string, number>;

/** A collection of garbage takes some 100 ms, and the system has the pages back a moment later. */
const collectionMs = 1_500;

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
  await pause(collectionMs);
  const memory: Memory = {};
  for (const { part, pid, inUseMiB } of members) {
    memory[part] = (memory[part] ?? 0) + (pid === null ? 0 : residentMiB(pid));
    memory[`${part} (JavaScript)`] = (memory[`${part} (JavaScript)`] ?? 0) + inUseMiB;
  }
  return Object.fromEntries(Object.entries(memory).map(([part, mib]) => [part, Math.round(mib)]));
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
