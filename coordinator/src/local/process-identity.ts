// Which process a number meant: process ids are reused, so a stored one counts only together with its start time.
import { readFileSync } from "node:fs";
import { z } from "zod";

export const ProcessIdentity = z.strictObject({
  pid: z.int().positive(),
  /** Start time in clock ticks since boot (field 22 of /proc/PID/stat). */
  startTicks: z.int().nonnegative(),
});
export type ProcessIdentity = z.infer<typeof ProcessIdentity>;

/** Null when there is no such process, or only its unburied remains (a zombie). */
export function identityOf(pid: number): ProcessIdentity | null {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return null;
  }
  // The second field is the name in parentheses and may hold anything; the rest follows the last parenthesis.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state] = fields;
  return state === "Z" || state === "X" ? null : { pid, startTicks: Number(fields[19]) };
}

export function isAlive(identity: ProcessIdentity): boolean {
  return identityOf(identity.pid)?.startTicks === identity.startTicks;
}

/** Sends the signal to the process and everything in its group, if it is still the one that was meant. */
export function signalGroup(identity: ProcessIdentity, signal: NodeJS.Signals): void {
  if (!isAlive(identity)) return;
  for (const target of [-identity.pid, identity.pid]) {
    try {
      process.kill(target, signal);
      return;
    } catch {
      // Not the leader of a group (or gone this very moment): the process itself is tried next.
    }
  }
}
