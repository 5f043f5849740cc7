// The one process whose duty is the end of the others: it sleeps until its standard input closes, which happens when the
// cluster's owner is gone, and then ends what the owner left. Asked to stop, it just stops.
import { setTimeout as pause } from "node:timers/promises";
import { createLogger } from "@hindcast/shared/node";
import { readClusterFile, removeClusterFile } from "./cluster-file.ts";
import { localLimits } from "./local-limits.ts";
import { isAlive } from "./process-identity.ts";
import { endRecorded } from "./stale-processes.ts";

const dataDirectory = process.argv[2] ?? "";
const logger = createLogger({ name: "reaper" });
process.on("SIGTERM", () => process.exit(0));
logger.info({ event: "process.ready" });

process.stdin.resume();
await new Promise<void>((done) => process.stdin.once("close", () => done()));
const file = readClusterFile(dataDirectory);
logger.warn({ event: "owner.lost", processes: file?.processes.map(({ name }) => name) });
// A process that is killed closes its pipes a moment before it is gone, and one that lives keeps what it has.
const deadline = Date.now() + localLimits.staleGraceMs;
while (file !== null && isAlive(file.owner) && Date.now() < deadline) await pause(localLimits.pollMs);
await endRecorded(file);
// Another owner may have written its own meanwhile.
const left = readClusterFile(dataDirectory);
if (left !== null && !isAlive(left.owner)) removeClusterFile(dataDirectory);
logger.info({ event: "owner.reaped" });
