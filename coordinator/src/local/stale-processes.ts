import { setTimeout as pause } from "node:timers/promises";
import type { ClusterFile } from "./cluster-file.ts";
import { localLimits } from "./local-limits.ts";
import { isAlive } from "./process-identity.ts";
import { endProcess } from "./supervised-process.ts";

/**
 * Ends what is left of a cluster whose owner is gone. Its processes saw their standard input close and are draining by
 * themselves; the broker is ended after them, so that they can hand back what they hold.
 */
export async function endRecorded(file: ClusterFile | null): Promise<void> {
  if (file === null || isAlive(file.owner)) return;
  const others = file.processes.filter(({ part }) => part !== "broker" && part !== "reaper");
  const deadline = Date.now() + localLimits.staleGraceMs;
  while (others.some(({ identity }) => isAlive(identity)) && Date.now() < deadline) await pause(localLimits.pollMs);
  await Promise.all(others.map(({ identity }) => endProcess(identity, 0)));
  await Promise.all(
    file.processes
      .filter(({ part }) => part === "broker")
      .map(({ identity }) => endProcess(identity, localLimits.staleGraceMs)),
  );
}
