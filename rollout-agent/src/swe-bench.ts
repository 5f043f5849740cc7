// Run by `hindcast bench swe-bench`: what it is asked stands in its argument, what it finds goes to standard output, one
// JSON object per line. A process of its own, because only the agent knows its sandboxes.
import { HindcastError, toHindcastError } from "@hindcast/shared";
import {
  createLogger,
  modelVariables,
  readConfig,
  SweBenchRequest,
  type VerificationEvent,
  workerVariables,
} from "@hindcast/shared/node";
import { authorModel } from "./environment/swe-bench/author-model.ts";
import { makeTaskFolder } from "./environment/swe-bench/make-task-folder.ts";
import { TaskAuthor } from "./environment/swe-bench/task-author.ts";
import { runVerification } from "./environment/swe-bench/verification.ts";
import { createBubblewrap, defaultGuestPath } from "./sandbox/bubblewrap.ts";
import { findNodePrefix } from "./sandbox/find-node-prefix.ts";

const say = (event: VerificationEvent): void => void process.stdout.write(`${JSON.stringify(event)}\n`);
const stop = new AbortController();
for (const name of ["SIGINT", "SIGTERM"] as const) process.once(name, () => stop.abort(new Error("interrupted")));

try {
  const request = SweBenchRequest.parse(JSON.parse(process.argv[2] ?? "{}"));
  const { guestPath, searchPath } = readConfig({
    guestPath: workerVariables.guestPath,
    searchPath: workerVariables.searchPath,
  });
  const sandboxes = createBubblewrap({
    guestPath: guestPath ?? defaultGuestPath,
    nodePrefix: findNodePrefix(searchPath),
    log: createLogger({ name: "swe-bench", level: "silent" }),
  });
  const problems = await sandboxes.problems();
  if (problems.length > 0) {
    throw new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message: problems.join(" ") });
  }
  const common = { sandboxes, searchPath, onEvent: say };
  if (request.verb === "verify") await runVerification({ ...common, request }, stop.signal);
  else {
    const { author: named, cache } = request;
    const author = named === null ? null : new TaskAuthor(authorModel(named, cache, readConfig(modelVariables)));
    await makeTaskFolder({ ...common, request, author }, stop.signal);
  }
} catch (error) {
  const { code, message } = toHindcastError(error, "environment");
  say({ event: "error", code, message });
  process.exitCode = 1;
}
