// Starts agents as processes that a test may kill, stop and cut off.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import type { WorkerId } from "@hindcast/shared";
import { onTestFinished } from "vitest";
import type { AgentProcessOptions } from "./agent-process.ts";
import type { Emulator } from "./emulators/emulator.ts";
import { type TestNats, testPool } from "./nats-server.ts";

const program = new URL("agent-process.ts", import.meta.url).pathname;

export interface AgentProcess extends AsyncDisposable {
  readonly child: ChildProcess;
  /** What it has logged. */
  readonly log: string;
  signal(name: NodeJS.Signals): void;
}

export async function startAgent(
  nats: TestNats,
  policy: Emulator,
  {
    id = "w-1",
    servers,
    ...more
  }: { id?: string; servers?: string } & Partial<Omit<AgentProcessOptions, "bus" | "workerId">> = {},
): Promise<AgentProcess> {
  const workerId = id as WorkerId;
  const bus = { ...nats.options(workerId), ...(servers === undefined ? {} : { servers }) };
  const defaults = {
    pool: testPool,
    slots: 1,
    leaseTtlMs: 1_500,
    stepMs: 0,
    deadlyWord: null,
    weakened: {},
    isJournalOff: false,
    reapEveryMs: null,
    worldsFile: null,
    miniWobFolder: null,
    sites: {},
    sweBench: null,
  };
  const options: AgentProcessOptions = { ...defaults, ...more, bus, workerId };
  const child = spawn(process.execPath, ["--conditions=source", program, JSON.stringify(options)], {
    // Its standard input closes with the test's process: an agent never outlives it.
    stdio: ["pipe", "pipe", "pipe"],
    env: { PATH: process.env["PATH"], OPENAI_API_KEY: policy.apiKey, HINDCAST_OPENAI_BASE_URL: `${policy.url}/v1` },
  });
  // A stopped process is not killed before it goes on.
  const kill = (): void => void (child.kill("SIGCONT"), child.kill("SIGKILL"));
  onTestFinished(kill);
  let log = "";
  const ready = Promise.withResolvers<void>();
  const exited = once(child, "exit");
  for (const stream of [child.stdout, child.stderr]) {
    stream?.on("data", (bytes: Buffer) => {
      log += bytes.toString();
      if (log.includes("process.ready")) ready.resolve();
    });
  }
  child.once("exit", () => ready.reject(new Error(`the agent ended before it was ready:\n${log}`)));
  ready.promise.catch(() => undefined);
  await ready.promise;
  return {
    child,
    get log() {
      return log;
    },
    signal: (name) => void child.kill(name),
    [Symbol.asyncDispose]: async () => {
      kill();
      await exited;
    },
  };
}
