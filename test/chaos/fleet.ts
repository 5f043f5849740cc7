// Hindcast's processes under somebody who only starts them again: the product's own supervisor paces restarts, which
// would spare them most of the kills.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { LocalClusterOptions } from "../../coordinator/src/local/local-cluster.ts";
import { processSpecs } from "../../coordinator/src/local/process-specs.ts";
import type { ProcessSpec } from "../../coordinator/src/local/supervised-process.ts";
import type { Servers } from "./servers.ts";

const restartDelayMs = 200;
/**
 * What a process holds is told apart from what it has not yet bothered to collect: asked by signal, it collects, gives the
 * pages back (an ordinary collection keeps them for later: 403 MiB of which 4 were in use), and writes what is in use then
 * into a file named by its number.
 */
const collecting = (folder: string): string[] => {
  const told = `writeFileSync(${JSON.stringify(`${folder}/`)}+process.pid,String(heapUsed+external))`;
  const listen = `process.on("SIGUSR2",()=>{gc();gc({type:"major",execution:"sync",flavor:"last-resort"});const{heapUsed,external}=process.memoryUsage();${told}})`;
  const script = `import{writeFileSync}from"node:fs";${listen};writeFileSync(${JSON.stringify(`${folder}/`)}+process.pid,"")`;
  return ["--expose-gc", "--import", `data:text/javascript,${encodeURIComponent(script)}`];
};
const stopMsMax = 45_000;

export interface FleetOptions {
  folder: string;
  servers: Servers;
  coordinators: number;
  agents: number;
  slots: number;
  modelEnvironment: Record<string, string>;
}

/** A process that is started again whenever it ends. */
export class Member {
  readonly name: string;
  readonly part: ProcessSpec["part"];
  readonly #spec: ProcessSpec;
  readonly #heaps: string;
  #child: ChildProcess | null = null;
  #isWanted = true;
  #life: Promise<void>;
  starts = 0;

  /** @param heaps folder into which it tells what it uses */
  constructor(spec: ProcessSpec, heaps: string) {
    this.name = spec.name;
    this.part = spec.part;
    this.#spec = spec;
    this.#heaps = heaps;
    this.#life = this.#live();
  }

  get pid(): number | null {
    return this.#child?.pid ?? null;
  }

  /** @returns false when there was nothing to signal: it is just being started again. */
  signal(signal: NodeJS.Signals): boolean {
    return this.#child?.kill(signal) ?? false;
  }

  /** Of JavaScript after the collection that was asked for last; null as long as it has not told. */
  get inUseMiB(): number | null {
    const told = this.#told();
    return told === null || told === "" ? null : Number(told) / 1_048_576;
  }

  /** A process that does not listen yet is left alone: the signal would end it. */
  collectGarbage(): void {
    if (this.#told() === null) return;
    writeFileSync(this.#heapFile, "");
    this.signal("SIGUSR2");
  }

  get #heapFile(): string {
    return join(this.#heaps, String(this.pid));
  }

  #told(): string | null {
    return this.pid !== null && existsSync(this.#heapFile) ? readFileSync(this.#heapFile, "utf8") : null;
  }

  async stop(): Promise<void> {
    this.#isWanted = false;
    this.signal("SIGCONT");
    this.signal("SIGTERM");
    const timer = setTimeout(() => this.signal("SIGKILL"), stopMsMax);
    await this.#life;
    clearTimeout(timer);
  }

  async #live(): Promise<void> {
    while (this.#isWanted) {
      await this.#runOnce();
      if (this.#isWanted) await pause(restartDelayMs);
    }
  }

  #runOnce(): Promise<void> {
    this.starts += 1;
    const log = openSync(this.#spec.logPath, "a");
    const child = spawn(process.execPath, [...collecting(this.#heaps), ...this.#spec.command], {
      stdio: ["pipe", log, log],
      env: { ...this.#spec.env, HINDCAST_EXIT_WITH_PARENT: "1" },
    });
    closeSync(log);
    this.#child = child;
    return new Promise((resolve) => {
      child.once("error", () => resolve());
      child.once("exit", () => {
        this.#child = null;
        resolve();
      });
    });
  }
}

export interface Fleet extends AsyncDisposable {
  servers: Servers;
  members: Member[];
}

export function startFleet({ folder, servers, coordinators, agents, slots, modelEnvironment }: FleetOptions): Fleet {
  const heaps = join(folder, "heaps");
  for (const path of ["logs", "heaps"]) mkdirSync(join(folder, path), { recursive: true });
  const options: LocalClusterOptions = {
    dataDirectory: folder,
    parts: ["coordinator", "index", "agents"],
    coordinators,
    agents,
    slots,
    logLevel: "info",
    natsBinary: { configured: undefined, cacheDirectory: "", log: () => undefined },
    environment: process.env,
    modelEnvironment: { ...modelEnvironment, HINDCAST_STREAM_REPLICAS: String(servers.replicas) },
    indexEnvironment: {},
    onEvent: () => undefined,
  };
  const { stages } = processSpecs(options, servers);
  const members = stages.flat().map((spec) => new Member(spec, heaps));
  return {
    servers,
    members,
    [Symbol.asyncDispose]: async () => {
      await Promise.all(members.map((member) => member.stop()));
    },
  };
}
