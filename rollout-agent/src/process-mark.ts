import { readFileSync } from "node:fs";

/**
 * Tells a process from another one with the same number: in a container every agent is process 1.
 * @returns number and start time; null where it is gone, or /proc hides what belongs to others
 */
export function processMark(pid: number): string | null {
  try {
    // Field 22 is the start time; the name in parentheses may hold anything.
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    return `${pid} ${stat.slice(stat.lastIndexOf(")")).split(" ")[20] ?? ""}`;
  } catch {
    return null;
  }
}
