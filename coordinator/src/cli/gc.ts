import { HindcastError, limits } from "@hindcast/shared";
import type { GarbageCollected } from "@hindcast/shared/node";
import { Command } from "commander";
import { formatBytes } from "../report/format.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";

const hourMs = 3_600_000;
const hoursMin = limits.blobGarbageAgeMsMin / hourMs;

export function gcCommand(): Command {
  return new Command("gc")
    .description("remove snapshots and other blobs that nothing names any more; campaigns may run meanwhile")
    .option("--dry-run", "only say what would be removed")
    .option("--older-than <hours>", `least age of what is removed, at least ${hoursMin}`, String(hoursMin))
    .action(async (options: { dryRun?: boolean; olderThan: string }, command: Command) => {
      const context = commandContext(command);
      const isDryRun = options.dryRun ?? false;
      const ageMs = hoursOf(options.olderThan) * hourMs;
      // Only the coordinator's user may remove anything.
      const collected = await withSession(context, { parts: [], user: "coordinator" }, ({ bus }) =>
        bus.storage.collectGarbage({ ageMs, isDryRun }),
      );
      context.terminal.result({ event: "garbage-collected", isDryRun, ...collected }, () =>
        garbageText(collected, isDryRun),
      );
    });
}

export function garbageText(
  { blobs, bytes, young, removed, removedBytes }: GarbageCollected,
  isDryRun: boolean,
): string {
  const waiting = young === 0 ? "" : `; ${young} more are named by nothing but too young to be removed`;
  return (
    `${isDryRun ? "would remove" : "removed"} ${removed} of ${blobs} blobs, ` +
    `${formatBytes(removedBytes)} of ${formatBytes(bytes)}${waiting}`
  );
}

function hoursOf(text: string): number {
  const hours = Number(text);
  if (Number.isFinite(hours) && hours >= hoursMin) return hours;
  throw new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: `--older-than is "${text}"; write a number of hours from ${hoursMin}: a record that names a younger blob may still be on its way`,
  });
}
