// The whole of Hindcast on this machine: the same processes as in a cluster, started from source. One command owns it
// per data directory; others in the same folder use it as guests. It ends with its owner, whatever ends the owner: in
// order on stop, by the reaper after a kill, and by the next start where even that one was killed.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { HindcastError, limits } from "@hindcast/shared";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import { Broker } from "./broker.ts";
import {
  type ClusterFile,
  type ClusterPart,
  readClusterFile,
  removeClusterFile,
  writeClusterFile,
} from "./cluster-file.ts";
import { guests, registerGuest, releaseOwnership, takeOwnership } from "./cluster-lock.ts";
import { localLimits } from "./local-limits.ts";
import type { NatsBinaryOptions } from "./nats-binary.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./process-identity.ts";
import { processSpecs } from "./process-specs.ts";
import { endRecorded } from "./stale-processes.ts";
import { SupervisedProcess } from "./supervised-process.ts";

export interface LocalClusterOptions {
  /** Absolute. Everything that is kept lies here. */
  dataDirectory: string;
  /** What has to run besides the broker. */
  parts: readonly ClusterPart[];
  /** Processes that share the coordinator's part. */
  coordinators: number;
  agents: number;
  slots: number;
  /** Pool of rollout tasks, named by the kind of their world. @default "shell" */
  pool?: string;
  logLevel: string;
  natsBinary: NatsBinaryOptions;
  /** The user's; processes inherit of it only what programs need. */
  environment: ProcessEnvironment;
  /** Environment of the processes that call models: keys and endpoints. */
  modelEnvironment: Record<string, string>;
  /** What the operator decides about admission, for the coordinator. */
  admissionEnvironment?: Record<string, string>;
  /** How long what is kept, for the coordinators. */
  storageEnvironment?: Record<string, string>;
  /** What isolates commands, for the agents. */
  sandboxEnvironment?: Record<string, string>;
  /** The embedder and what it takes to reach it, for the index. */
  indexEnvironment: Record<string, string>;
  onEvent: (event: ClusterEvent) => void;
  /** False: only a cluster that runs already is used. @default true */
  mayStart?: boolean;
}

export type ClusterEvent =
  | { kind: "starting"; name: string }
  | { kind: "ready"; name: string; ms: number }
  | { kind: "died"; name: string; detail: string; delayMs: number }
  | { kind: "waiting"; detail: string };

export interface ClusterAccess {
  url: string;
  /** A folder with one password file per NATS user. */
  credentialsDirectory: string;
  isOwner: boolean;
  file: () => ClusterFile | null;
  /** Stops what was started here, or merely leaves. @throws when a process could not be ended. */
  stop(forced?: AbortSignal): Promise<void>;
}

/**
 * Joins the cluster of the data directory, or starts one.
 * @throws BUS_UNAVAILABLE, CONFIG_INVALID or INTERNAL with the end of the log of what did not start
 */
export async function startLocalCluster(options: LocalClusterOptions, signal: AbortSignal): Promise<ClusterAccess> {
  const deadline = Date.now() + localLimits.handoverMsMax;
  let isToldToWait = false;
  for (;;) {
    signal.throwIfAborted();
    const { isOwner, owner } = takeOwnership(options.dataDirectory);
    if (isOwner && options.mayStart !== false) return startOwned(options, owner, signal);
    if (isOwner) {
      // The one that ran when the command began has ended meanwhile.
      releaseOwnership(options.dataDirectory);
      throw nothingRuns(options.dataDirectory);
    }
    const joined = joinRunning(options);
    if (joined !== null) return joined;
    if (!isToldToWait)
      options.onEvent({ kind: "waiting", detail: `process ${owner.pid} is starting or stopping a cluster here` });
    isToldToWait = true;
    if (Date.now() > deadline) throw occupied(options.dataDirectory, owner);
    await pause(localLimits.pollMs, undefined, { signal });
  }
}

export function nothingRuns(dataDirectory: string): HindcastError {
  return new HindcastError({
    code: "BUS_UNAVAILABLE",
    boundary: "bus",
    message: `no cluster runs in ${dataDirectory}; \`hindcast up\` starts one`,
  });
}

/** The cluster that runs in this data directory, or null. */
export function runningCluster(dataDirectory: string): ClusterFile | null {
  const file = readClusterFile(dataDirectory);
  return file !== null && isAlive(file.owner) ? file : null;
}

/** Registers first and looks afterwards, as the owner does the reverse: one of the two sees the other. */
function joinRunning({ dataDirectory, parts }: LocalClusterOptions): ClusterAccess | null {
  const leave = registerGuest(dataDirectory);
  const file = runningCluster(dataDirectory);
  if (file === null || file.state !== "running" || !parts.every((part) => file.parts.includes(part))) {
    leave();
    return null;
  }
  return {
    url: file.url,
    credentialsDirectory: file.credentialsDirectory,
    isOwner: false,
    file: () => readClusterFile(dataDirectory),
    stop: async () => leave(),
  };
}

async function startOwned(
  options: LocalClusterOptions,
  owner: ProcessIdentity,
  signal: AbortSignal,
): Promise<ClusterAccess> {
  const cluster = new OwnedCluster(options, owner);
  try {
    await cluster.start(signal);
    return cluster;
  } catch (error) {
    await cluster.stop(AbortSignal.abort());
    throw error;
  }
}

class OwnedCluster implements ClusterAccess {
  readonly isOwner = true;
  readonly credentialsDirectory: string;
  readonly #options: LocalClusterOptions;
  readonly #owner: ProcessIdentity;
  readonly #startedAt = new Date().toISOString();
  readonly #processes: SupervisedProcess[] = [];
  #broker: Broker | null = null;
  #reaper: SupervisedProcess | null = null;
  #state: ClusterFile["state"] = "starting";
  #stopped: Promise<void> | null = null;

  constructor(options: LocalClusterOptions, owner: ProcessIdentity) {
    this.#options = options;
    this.#owner = owner;
    this.credentialsDirectory = join(options.dataDirectory, "run", "credentials");
  }

  get url(): string {
    return this.#broker?.url ?? "";
  }

  file(): ClusterFile | null {
    return readClusterFile(this.#options.dataDirectory);
  }

  async start(signal: AbortSignal): Promise<void> {
    const { dataDirectory, onEvent } = this.#options;
    mkdirSync(join(dataDirectory, "logs"), { recursive: true });
    await endRecorded(readClusterFile(dataDirectory));
    this.#broker = await this.#timed("nats-server", () =>
      Broker.start(
        { ...this.#options, directory: join(dataDirectory, "nats"), credentialsDirectory: this.credentialsDirectory },
        (detail, delayMs) => {
          onEvent({ kind: "died", name: "nats-server", detail, delayMs });
          this.#record();
        },
      ),
    );
    signal.throwIfAborted();
    const specs = processSpecs(this.#options, { url: this.url, credentialsDirectory: this.credentialsDirectory });
    this.#reaper = this.#supervise(specs.reaper);
    await this.#reaper.start(signal);
    // The first coordinator creates the streams that the others use.
    for (const stage of specs.stages) {
      await Promise.all(
        stage.map((spec) => {
          const supervised = this.#supervise(spec);
          this.#processes.push(supervised);
          return this.#timed(spec.name, () => supervised.start(signal));
        }),
      );
    }
    this.#enter("running");
  }

  stop(forced?: AbortSignal): Promise<void> {
    return (this.#stopped ??= this.#stop(forced));
  }

  /** Agents first, the broker last: each process can still say what it has to. */
  async #stop(forced?: AbortSignal): Promise<void> {
    await this.#untilAlone(forced);
    this.#enter("stopping");
    const deadlineMs = limits.drainMs + limits.abortMs;
    const left: string[] = [];
    const end = async (processes: SupervisedProcess[]): Promise<void> => {
      await Promise.all(
        processes.map(async (each) => {
          if (!(await each.stop(forced?.aborted === true ? 0 : deadlineMs, forced))) left.push(each.spec.name);
        }),
      );
    };
    await end(this.#processes.filter(({ spec }) => spec.part === "agents"));
    await end(this.#processes.filter(({ spec }) => spec.part !== "agents"));
    await this.#broker?.stop();
    // Last, so that a kill in the midst of stopping is still cleaned up after.
    if (this.#reaper !== null) await end([this.#reaper]);
    if (left.length > 0) {
      throw new HindcastError({
        code: "INTERNAL",
        boundary: "campaign",
        message: `${left.join(" and ")} could not be ended; see ${join(this.#options.dataDirectory, "logs")}`,
      });
    }
    removeClusterFile(this.#options.dataDirectory);
    releaseOwnership(this.#options.dataDirectory);
  }

  /** Other commands may still use the cluster; a forced stop does not wait for them. */
  async #untilAlone(forced?: AbortSignal): Promise<void> {
    let told = 0;
    while (this.#state === "running" && forced?.aborted !== true) {
      if (guests(this.#options.dataDirectory).length === 0) {
        this.#enter("stopping");
        const late = guests(this.#options.dataDirectory);
        if (late.length === 0) return;
        this.#enter("running");
      }
      const pids = guests(this.#options.dataDirectory).map(({ pid }) => pid);
      if (pids.length !== told)
        this.#options.onEvent({ kind: "waiting", detail: `process ${pids.join(", ")} still uses the cluster` });
      told = pids.length;
      await pause(localLimits.guestPollMs);
    }
  }

  #supervise(spec: ConstructorParameters<typeof SupervisedProcess>[0]): SupervisedProcess {
    return new SupervisedProcess(spec, {
      onRestart: (name, detail, delayMs) => this.#options.onEvent({ kind: "died", name, detail, delayMs }),
      onChange: () => this.#record(),
    });
  }

  async #timed<T>(name: string, work: () => Promise<T>): Promise<T> {
    const start = performance.now();
    this.#options.onEvent({ kind: "starting", name });
    const result = await work();
    this.#options.onEvent({ kind: "ready", name, ms: performance.now() - start });
    return result;
  }

  #enter(state: ClusterFile["state"]): void {
    this.#state = state;
    this.#record();
  }

  /** What a guest needs to join, and what the reaper or the next start needs to clean up. */
  #record(): void {
    const broker = this.#broker;
    if (broker === null) return;
    const named = [...this.#processes, ...(this.#reaper === null ? [] : [this.#reaper])].flatMap(
      ({ spec, identity, restarts }) =>
        identity === null ? [] : [{ name: spec.name, part: spec.part, identity, restarts }],
    );
    const nats = identityOf(broker.pid);
    const server =
      nats === null
        ? []
        : [{ name: "nats-server", part: "broker" as const, identity: nats, restarts: broker.restarts }];
    writeClusterFile(this.#options.dataDirectory, {
      v: 1,
      owner: this.#owner,
      state: this.#state,
      parts: [...this.#options.parts],
      url: broker.url,
      credentialsDirectory: this.credentialsDirectory,
      startedAt: this.#startedAt,
      processes: [...named, ...server],
    });
  }
}

function occupied(dataDirectory: string, owner: ProcessIdentity): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message:
      `process ${owner.pid} uses ${dataDirectory} for a cluster that lacks what this command needs; ` +
      "wait for it to end, or name another folder with --data",
  });
}
