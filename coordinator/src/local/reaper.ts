// The one process whose duty is the end of the others: it sleeps until its standard input closes, which happens when the
// cluster's owner is gone, and then ends what the owner left. Asked to stop, it just stops.
import { createLogger } from "@hindcast/shared/node";
import { readClusterFile, removeClusterFile } from "./cluster-file.ts";
import { endRecorded } from "./stale-processes.ts";

const dataDirectory = process.argv[2] ?? "";
const logger = createLogger({ name: "reaper" });
process.on("SIGTERM", () => process.exit(0));
logger.info({ event: "process.ready" });

process.stdin.resume();
await new Promise<void>((done) => process.stdin.once("close", () => done()));
const file = readClusterFile(dataDirectory);
logger.warn({ event: "owner.lost", processes: file?.processes.map(({ name }) => name) });
await endRecorded(file);
removeClusterFile(dataDirectory);
logger.info({ event: "owner.reaped" });
