// What the fleet's processes hold on this machine: what must return to its level however often they were killed.
import { readdirSync, readFileSync } from "node:fs";
import type { Member } from "./fleet.ts";

export interface Levels {
  /** Resident, of all processes together. */
  memoryMiB: number;
  openFiles: number;
  /** Processes of the fleet's sandboxes; other clusters on the machine have theirs. */
  sandboxed: number;
}

/** @param cluster the name of the fleet's (`clusterOf`) */
export function levelsOf(members: readonly Member[], cluster: string): Levels {
  const pids = members.flatMap(({ pid }) => (pid === null ? [] : [pid]));
  return {
    memoryMiB: Math.round(pids.reduce((sum, pid) => sum + residentMiB(pid), 0)),
    openFiles: pids.reduce((sum, pid) => sum + openFiles(pid), 0),
    sandboxed: readdirSync("/proc").filter((name) => /^\d+$/.test(name) && isSandbox(name, cluster)).length,
  };
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
