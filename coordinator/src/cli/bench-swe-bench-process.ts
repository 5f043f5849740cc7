import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ErrorCode, HindcastError, messageOf } from "@hindcast/shared";
import { type ProcessEnvironment, type SweBenchRequest, VerificationEvent } from "@hindcast/shared/node";

const program = join(resolve(import.meta.dirname, "../../.."), "rollout-agent/src/swe-bench.ts");
/** Of what the program says when it breaks. */
const complaintCharsMax = 2_000;

export interface SweBenchRun {
  request: SweBenchRequest;
  env: ProcessEnvironment;
  /** Keys and endpoints of models, for a request that names one. */
  models?: Readonly<Record<string, string>>;
  onEvent: (event: VerificationEvent) => void;
}

/** Runs the agent's program to its end; its error becomes ours. An abort ends it, its sandboxes with it. */
export async function runSweBench(
  { request, env, models = {}, onEvent }: SweBenchRun,
  signal: AbortSignal,
): Promise<void> {
  const child = spawn(process.execPath, ["--conditions=source", program, JSON.stringify(request)], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...passed(env), ...models },
  });
  const onAbort = (): void => void child.kill("SIGTERM");
  signal.addEventListener("abort", onAbort, { once: true });
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-complaintCharsMax)));
  const closed = once(child, "close");
  let failure: HindcastError | null = null;
  for await (const line of createInterface({ input: child.stdout })) {
    const event = VerificationEvent.parse(JSON.parse(line));
    if (event.event === "error") failure = errorOf(event);
    else onEvent(event);
  }
  await closed.catch((error: unknown) => {
    throw new HindcastError({
      code: "INTERNAL",
      boundary: "environment",
      message: `the program for SWE-bench did not start: ${messageOf(error)}`,
    });
  });
  signal.removeEventListener("abort", onAbort);
  if (signal.aborted) return;
  if (failure !== null) throw failure;
  if (child.exitCode === 0) return;
  throw new HindcastError({
    code: "INTERNAL",
    boundary: "environment",
    message: `the program for SWE-bench ended with exit code ${child.exitCode}: ${complaint.trim()}`,
  });
}

function errorOf({ code, message }: { code: string; message: string }): HindcastError {
  const known = ErrorCode.safeParse(code);
  return new HindcastError({ code: known.success ? known.data : "INTERNAL", boundary: "environment", message });
}

/** Where programs are, and how pip and git reach a network; the settings of this command line are not the agent's. */
function passed(env: ProcessEnvironment): Record<string, string> {
  const isPassed = (name: string): boolean =>
    ["PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "HINDCAST_GUEST_PATH"].includes(name) ||
    /^PIP_|^(https?|no|all)_proxy$/i.test(name);
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && isPassed(name) ? [[name, value]] : [])),
  );
}
