import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ErrorCode, HindcastError } from "@hindcast/shared";
import { type ProcessEnvironment, SitesEvent, type SitesRequest } from "@hindcast/shared/node";

const program = join(resolve(import.meta.dirname, "../../.."), "rollout-agent/src/sites.ts");
/** Of what the program says when it breaks. */
const complaintCharsMax = 2_000;

export interface SitesRun {
  request: SitesRequest;
  env: ProcessEnvironment;
  onEvent: (event: SitesEvent) => void;
}

/** Runs the agent's program to its end; its error becomes ours. An abort ends it, and its sites with it. */
export async function runSites({ request, env, onEvent }: SitesRun, signal: AbortSignal): Promise<void> {
  const child = spawn(
    process.execPath,
    ["--conditions=source", "--disable-warning=ExperimentalWarning", program, JSON.stringify(request)],
    // It ends when its standard input does: with us.
    { stdio: ["pipe", "pipe", "pipe"], env: passed(env) },
  );
  const onAbort = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  let complaint = "";
  child.stderr.on("data", (bytes: Buffer) => (complaint = `${complaint}${bytes.toString()}`.slice(-complaintCharsMax)));
  const closed = once(child, "close");
  let failure: HindcastError | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = SitesEvent.parse(JSON.parse(line));
    if (event.event === "error") failure = errorOf(event);
    else onEvent(event);
  }
  await closed;
  signal.removeEventListener("abort", onAbort);
  if (signal.aborted) return;
  if (failure !== null) throw failure;
  if (child.exitCode === 0) return;
  throw new HindcastError({
    code: "INTERNAL",
    boundary: "environment",
    message: `the program for sites ended with exit code ${child.exitCode}: ${complaint.trim()}`,
  });
}

function errorOf({ code, message }: { code: string; message: string }): HindcastError {
  const known = ErrorCode.safeParse(code);
  return new HindcastError({ code: known.success ? known.data : "INTERNAL", boundary: "environment", message });
}

/** Where programs are, and how registries are reached; the settings of this command line are not the agent's. */
function passed(env: ProcessEnvironment): Record<string, string> {
  const isPassed = (name: string): boolean =>
    ["PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS"].includes(name) ||
    /^(PIP|GO|CGO|npm_config)_?[A-Za-z_]*$|^(https?|no|all)_proxy$/i.test(name);
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && isPassed(name) ? [[name, value]] : [])),
  );
}
