// A NATS server for the benchmark and the processes around it. Connections are handed to children by their environment.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { BusOptions } from "@hindcast/shared/node";
import type { TestNats } from "../../../test/support/nats-server.ts";
import type { Passed, StampsRequest, Work } from "./hop-stamps.ts";
import type { LongTurns, ProbeRequest, Setting } from "./loop-probe.ts";
import { benchFolder, crateFolder, root } from "./places.ts";

const variable = "HINDCAST_BENCH_CONNECTION";

/** In a child: how it connects. */
export function connectionOf(): BusOptions {
  const text = process.env[variable];
  if (text === undefined) throw new Error(`${variable} is not set; the benchmark starts this program`);
  return JSON.parse(text) as BusOptions;
}

/** What is loaded into a process beside its own code, and can be asked. */
type Probe = "loop-probe" | "hop-stamps";

function started(
  args: readonly string[],
  { cwd, env, probe }: { cwd: string; env: NodeJS.ProcessEnv; probe: Probe | null },
): ChildProcess {
  const loaded = probe === null ? [] : ["--import", join(benchFolder, "harness", `${probe}.ts`)];
  return spawn(process.execPath, ["--conditions=source", "--no-warnings", ...loaded, ...args], {
    cwd,
    env,
    stdio: ["ignore", "pipe", "inherit", ...(probe === null ? [] : (["ipc"] as const))],
  });
}

export class NatsChild implements AsyncDisposable {
  readonly #child: ChildProcess;
  readonly #lines: string[] = [];
  #look: (() => void) | null = null;

  private constructor(child: ChildProcess) {
    this.#child = child;
    createInterface({ input: child.stdout! }).on("line", (line) => {
      this.#lines.push(line);
      this.#look?.();
    });
    child.once("exit", () => this.#look?.());
  }

  /** `programs/<name>.ts` as a role of the server. */
  static program(
    nats: TestNats,
    role: "coordinator" | "index-core",
    name: string,
    { args = [], probe = null }: { args?: string[]; probe?: Probe | null } = {},
  ): NatsChild {
    const path = join(benchFolder, "programs", `${name}.ts`);
    const env = { ...process.env, [variable]: JSON.stringify(nats.options(role)) };
    return new NatsChild(started([path, ...args], { cwd: crateFolder, env, probe }));
  }

  /** The retrieval service as it runs in a cluster. */
  static async service(nats: TestNats, probe: Probe | null = null): Promise<NatsChild> {
    const { servers, credentials } = nats.options("index-core");
    const passwordFile = join(nats.directory, "index-core.password");
    await writeFile(passwordFile, credentials.password, { mode: 0o600 });
    const env = {
      PATH: process.env.PATH,
      HINDCAST_NATS_URL: servers,
      HINDCAST_NATS_USER: credentials.user,
      HINDCAST_NATS_PASSWORD_FILE: passwordFile,
      HINDCAST_METRICS_PORT: "0",
    };
    return new NatsChild(started(["index-core/ts/main.ts"], { cwd: root, env, probe }));
  }

  get processId(): number {
    return this.#child.pid ?? 0;
  }

  /** Of `loop-probe`. */
  beginProbe(setting: Setting): void {
    this.#child.send({ ask: "begin", setting } satisfies ProbeRequest);
  }

  async endProbe(): Promise<LongTurns> {
    return await this.#answerTo<LongTurns>({ ask: "end" } satisfies ProbeRequest);
  }

  /** Of `hop-stamps`: of the requests since it was asked last. */
  async stamps(): Promise<Passed[]> {
    return await this.#answerTo<Passed[]>({ ask: "stamps" } satisfies StampsRequest);
  }

  async beginWork(work: Work): Promise<void> {
    await this.#answerTo<Passed[]>({ ask: "work", work } satisfies StampsRequest);
  }

  async #answerTo<T>(request: ProbeRequest | StampsRequest): Promise<T> {
    const answered = once(this.#child, "message");
    this.#child.send(request);
    const [answer] = (await answered) as [T];
    return answer;
  }

  /** The first line that contains the text. @throws when the process ends before */
  async line(text: string): Promise<string> {
    for (;;) {
      const found = this.#lines.find((line) => line.includes(text));
      if (found !== undefined) return found;
      if (this.#child.exitCode !== null) throw new Error(`the process ended: ${this.#lines.slice(-3).join(" ")}`);
      await new Promise<void>((resolve) => {
        this.#look = resolve;
      });
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const ended = once(this.#child, "exit");
    this.#child.kill("SIGTERM");
    const timer = setTimeout(() => this.#child.kill("SIGKILL"), 20_000);
    await ended;
    clearTimeout(timer);
  }
}
