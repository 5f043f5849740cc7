// Programs of the agent that commands run in a process of their own, because only the agent knows its sandboxes: what one
// is asked is a JSON object as its argument, what it does comes back as one JSON object per line.
import { spawn } from "node:child_process";
import { once } from "node:events";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { ErrorCode, HindcastError, messageOf } from "@hindcast/shared";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import type { z } from "zod";

const folder = resolve(import.meta.dirname, "../../../rollout-agent/src");
/** Of what a program says when it breaks. */
const complaintCharsMax = 2_000;
/** Where programs are, for all of them. */
const passedNames = ["PATH", "HOME", "TMPDIR", "LANG", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE"];
const proxyNames = /^(https?|no|all)_proxy$/i;

/** An event that a program may end with. */
type Ending = { event: "error"; code: string; message: string };

export interface AgentProgram<E extends { event: string }> {
  /** What it is for, as in `the program for SWE-bench`. */
  purpose: string;
  file: string;
  request: object;
  events: z.ZodType<E>;
  env: Readonly<Record<string, string>>;
  onEvent: (event: Exclude<E, Ending>) => void;
}

export const agentProgram = (name: string): string => join(folder, name);

/**
 * Runs a program to its end. An abort, or an answer that cannot be read, ends it and what it has opened.
 * @throws the error that it ends with; INTERNAL where it breaks
 */
export async function runAgentProgram<E extends { event: string }>(
  { purpose, file, request, events, env, onEvent }: AgentProgram<E>,
  signal: AbortSignal,
): Promise<void> {
  const options = ["--conditions=source", "--disable-warning=ExperimentalWarning"];
  // One that serves ends when its standard input does: with us.
  const child = spawn(process.execPath, [...options, file, JSON.stringify(request)], {
    stdio: ["pipe", "pipe", "pipe"],
    env,
  });
  const stop = (): void => void child.kill("SIGTERM");
  let complaint = "";
  child.stderr.on("data", (chunk: Buffer) => (complaint = `${complaint}${chunk.toString()}`.slice(-complaintCharsMax)));
  const ended = once(child, "close").then(
    () => null,
    (error: unknown) => `did not start: ${messageOf(error)}`,
  );
  let failure: HindcastError | null = null;
  signal.addEventListener("abort", stop, { once: true });
  if (signal.aborted) stop();
  try {
    for await (const line of createInterface({ input: child.stdout })) {
      const event = read(events, line, purpose);
      if (isEnding(event)) failure = errorOf(event);
      else onEvent(event as Exclude<E, Ending>);
    }
  } catch (error) {
    stop();
    throw error;
  } finally {
    complaint = (await ended) ?? complaint;
    signal.removeEventListener("abort", stop);
  }
  if (signal.aborted) return;
  if (failure !== null) throw failure;
  if (child.exitCode !== 0) throw broken(`${purpose} ended with exit code ${child.exitCode}: ${complaint.trim()}`);
}

/**
 * What a program needs of the user's environment: where programs are, and how a network is reached. The settings of this
 * command line are not the agent's.
 */
export function passedOn(
  env: ProcessEnvironment,
  more: { names: readonly string[]; pattern: RegExp },
): Record<string, string> {
  const isPassed = (name: string): boolean =>
    [...passedNames, ...more.names].includes(name) || proxyNames.test(name) || more.pattern.test(name);
  return Object.fromEntries(
    Object.entries(env).flatMap(([name, value]) => (value !== undefined && isPassed(name) ? [[name, value]] : [])),
  );
}

function read<E>(events: z.ZodType<E>, line: string, purpose: string): E {
  try {
    return events.parse(JSON.parse(line));
  } catch (error) {
    throw broken(`${purpose} said what cannot be read: ${messageOf(error)}`);
  }
}

function isEnding(event: { event: string }): event is Ending {
  return event.event === "error";
}

function errorOf({ code, message }: Ending): HindcastError {
  const known = ErrorCode.safeParse(code);
  return new HindcastError({ code: known.success ? known.data : "INTERNAL", boundary: "environment", message });
}

function broken(what: string): HindcastError {
  return new HindcastError({ code: "INTERNAL", boundary: "environment", message: `the program for ${what}` });
}
