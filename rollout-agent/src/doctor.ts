// Run by `hindcast doctor`: what keeps this machine from opening sandboxes, as a JSON array of sentences on standard
// output. A process of its own, because only the agent knows its sandboxes.
import { createLogger, readConfig, workerVariables } from "@hindcast/shared/node";
import { createBubblewrap, defaultGuestPath } from "./sandbox/bubblewrap.ts";
import { findNodePrefix } from "./sandbox/find-node-prefix.ts";

const { guestPath, searchPath } = readConfig({
  guestPath: workerVariables.guestPath,
  searchPath: workerVariables.searchPath,
});
const sandboxes = createBubblewrap({
  guestPath: guestPath ?? defaultGuestPath,
  nodePrefix: findNodePrefix(searchPath),
  log: createLogger({ name: "doctor", level: "silent" }),
});
process.stdout.write(`${JSON.stringify(await sandboxes.problems())}\n`);
