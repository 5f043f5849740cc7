// Run by `hindcast doctor`: what keeps this machine from opening sandboxes, as a JSON array of sentences on standard
// output. A process of its own, because only the agent knows its sandboxes.
import { createLogger, readConfig, workerVariables } from "@hindcast/shared/node";
import { createBubblewrap, defaultGuestPath } from "./sandbox/bubblewrap.ts";

const { guestPath } = readConfig(workerVariables, { HINDCAST_GUEST_PATH: process.argv[2] });
const sandboxes = createBubblewrap({
  guestPath: guestPath ?? defaultGuestPath,
  log: createLogger({ name: "doctor", level: "silent" }),
});
process.stdout.write(`${JSON.stringify(await sandboxes.problems())}\n`);
