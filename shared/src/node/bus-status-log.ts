// What the bus reports, as a line of the log: what passes by itself is information, what somebody has to mend is a warning
// that says how.
import type { Logger } from "./logger.ts";

const otherVersion =
  "another version of Hindcast wrote it, or it is damaged; it is kept, not read: finish the upgrade or go back (kubectl rollout status, kubectl rollout undo); where one version runs alone, restore the stream from the backup (deploy/README.md)";

export function logBusStatus(logger: Pick<Logger, "info" | "warn">, status: string): void {
  const line = { event: "bus.status", status };
  if (status.startsWith("unreadable ")) logger.warn(line, otherVersion);
  else logger.info(line);
}
