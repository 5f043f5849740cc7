// One nats-server for one machine, as a child process: loopback only, a user per role with a fresh password, JetStream
// on disk. The ports are the server's own choice on the first start and stay the same across `restart`.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdir, open, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, messageOf, type Pool, type WorkerId } from "@hindcast/shared";
import { permissionsOf, renderServerConfig, type RoleOptions, type ServerUser } from "@hindcast/shared/node";
import { z } from "zod";

const host = "127.0.0.1";
const readyTimeoutMs = 30_000;
const stopTimeoutMs = 10_000;
/** JetStream on disk: trajectories and snapshots of many campaigns. */
const fileStoreBytesMax = 64 * 1024 ** 3;

export interface NatsServerOptions {
  binary: string;
  /** Holds configuration, log and JetStream's files; a later start with the same directory finds the same data. */
  directory: string;
  workers: readonly WorkerId[];
  pools: readonly Pool[];
}

/** What a process needs to connect as one role; fits `BusOptions`. */
export interface NatsCredentials {
  user: string;
  password: string;
  inboxPrefix: string;
}

const PortsFile = z.object({ nats: z.array(z.string()).min(1), monitoring: z.array(z.string()).min(1) });
const OwnerFile = z.object({ pid: z.int(), owner: z.int() });

type Ports = { port: number; monitorPort: number };

/** @throws CONFIG_INVALID when another Hindcast uses the directory, BUS_UNAVAILABLE when the server does not come up */
export async function startNatsServer(options: NatsServerOptions): Promise<NatsServer> {
  const directory = resolve(options.directory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  await endOrphan(directory);
  const server = new NatsServer({ ...options, directory });
  await server.start();
  return server;
}

export class NatsServer implements AsyncDisposable {
  readonly logFile: string;
  readonly #options: NatsServerOptions;
  readonly #users = new Map<string, ServerUser & NatsCredentials>();
  #ports: Ports = { port: -1, monitorPort: -1 };
  #child: ChildProcess | undefined;

  constructor(options: NatsServerOptions) {
    this.#options = options;
    this.logFile = join(options.directory, "nats-server.log");
    for (const role of ["coordinator", "index-core", "client"] as const) {
      this.#addUser(role, (inboxPrefix) => ({ role, inboxPrefix }));
    }
    for (const workerId of options.workers) {
      const { pools } = options;
      this.#addUser(workerId, (inboxPrefix) => ({ role: "rollout-agent", workerId, pools, inboxPrefix }));
    }
  }

  get url(): string {
    return `nats://${host}:${this.#ports.port}`;
  }

  /** HTTP monitoring: `/healthz`, `/jsz`, `/connz`. */
  get monitorUrl(): string {
    return `http://${host}:${this.#ports.monitorPort}`;
  }

  get pid(): number {
    return this.#child?.pid ?? 0;
  }

  /** @param user a role, or the id of a worker. */
  credentials(user: "coordinator" | "index-core" | "client" | WorkerId): NatsCredentials {
    const found = this.#users.get(user);
    if (found === undefined) throw new RangeError(`this server was started without a user ${user}`);
    return { user: found.user, password: found.password, inboxPrefix: found.inboxPrefix };
  }

  async start(): Promise<void> {
    const { directory, binary } = this.#options;
    const configFile = join(directory, "nats-server.conf");
    await writeFile(configFile, this.#config(), { mode: 0o600 });
    const log = await open(this.logFile, "a", 0o600);
    // A process group of its own: Ctrl-C in the terminal must reach Hindcast first, which stops the server last.
    const child = spawn(binary, ["--config", configFile, "--ports_file_dir", directory], {
      stdio: ["ignore", log.fd, log.fd],
      detached: true,
    });
    const failed = new Promise<never>((_, reject) => child.once("error", reject));
    this.#child = child;
    try {
      // Written at once and not when it is ready: a start that is killed meanwhile must leave a trace of its server.
      // Together, so that a spawn that fails has somebody who listens.
      await Promise.all([
        writeOwner(directory, { pid: child.pid ?? 0, owner: process.pid }),
        Promise.race([this.#untilReady(child), failed]),
      ]);
    } catch (error) {
      await this.kill();
      throw new HindcastError({
        code: "BUS_UNAVAILABLE",
        boundary: "bus",
        message: `nats-server (${binary}) did not come up: ${messageOf(error)}; its log is ${this.logFile}`,
        cause: error,
      });
    } finally {
      await log.close();
    }
  }

  /** Ends it as a crash would. */
  async kill(): Promise<void> {
    await this.#end("SIGKILL");
  }

  /** Starts it again after `kill`, on the same ports, with the same users and data. */
  async restart(): Promise<void> {
    await this.kill();
    await this.start();
  }

  async stop(): Promise<void> {
    await this.#end("SIGTERM");
    await rm(ownerFile(this.#options.directory), { force: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #end(signal: "SIGKILL" | "SIGTERM"): Promise<void> {
    const child = this.#child;
    this.#child = undefined;
    if (child === undefined || child.pid === undefined) return;
    await rm(portsFile(this.#options, child.pid), { force: true });
    if (child.exitCode !== null || child.signalCode !== null) return;
    const exited = once(child, "exit");
    child.kill(signal);
    const impatience = setTimeout(() => child.kill("SIGKILL"), stopTimeoutMs);
    await exited;
    clearTimeout(impatience);
  }

  #addUser(name: string, options: (inboxPrefix: string) => RoleOptions): void {
    const inboxPrefix = `_INBOX_${name}`;
    const password = randomBytes(24).toString("hex");
    this.#users.set(name, { user: name, password, inboxPrefix, permissions: permissionsOf(options(inboxPrefix)) });
  }

  #config(): string {
    return renderServerConfig({
      serverName: "hindcast-local",
      host,
      ...this.#ports,
      jetstreamDirectory: join(this.#options.directory, "jetstream"),
      fileStoreBytesMax,
      users: [...this.#users.values()],
      cluster: null,
    });
  }

  /** The server writes down which ports it took; it is ready when its own health check says so. */
  async #untilReady(child: ChildProcess): Promise<void> {
    const deadline = AbortSignal.timeout(readyTimeoutMs);
    for (;;) {
      if (child.exitCode !== null || child.signalCode !== null) {
        throw new Error(`it ended at once (${await lastLine(this.logFile)})`);
      }
      if (deadline.aborted) throw new Error(`it was not ready within ${readyTimeoutMs} ms`);
      this.#ports = (await readPorts(portsFile(this.#options, child.pid ?? 0))) ?? this.#ports;
      if (this.#ports.monitorPort > 0 && (await isHealthy(this.monitorUrl))) return;
      await delay(25);
    }
  }
}

const ownerFile = (directory: string): string => join(directory, "nats-server.owner.json");
const portsFile = (options: NatsServerOptions, pid: number): string =>
  join(options.directory, `${options.binary.split("/").at(-1)}_${pid}.ports`);

async function readPorts(file: string): Promise<Ports | null> {
  const content = await readFile(file, "utf8").catch(() => "");
  try {
    const { nats, monitoring } = PortsFile.parse(JSON.parse(content));
    const portOf = (urls: string[]): number => Number(new URL(urls[0] ?? "").port);
    return { port: portOf(nats), monitorPort: portOf(monitoring) };
  } catch {
    return null; // Not written yet, or half written.
  }
}

async function isHealthy(monitorUrl: string): Promise<boolean> {
  try {
    const response = await fetch(`${monitorUrl}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}

/** Whole or not at all: who finds a half-written one would not know which server still has the data. */
async function writeOwner(directory: string, owner: z.infer<typeof OwnerFile>): Promise<void> {
  const file = ownerFile(directory);
  await writeFile(`${file}.new`, JSON.stringify(owner));
  await rename(`${file}.new`, file);
}

async function readOwner(directory: string): Promise<z.infer<typeof OwnerFile> | null> {
  const content = await readFile(ownerFile(directory), "utf8").catch(() => "");
  try {
    return OwnerFile.parse(JSON.parse(content));
  } catch {
    return null; // None, or one that a disk has lost.
  }
}

/** A server whose Hindcast was killed still holds the data directory: it is ended. One that is in use is left alone. */
async function endOrphan(directory: string): Promise<void> {
  const found = await readOwner(directory);
  if (found === null || !(await runsFrom(found.pid, directory))) return;
  const { pid, owner } = found;
  if (owner !== process.pid && isAlive(owner)) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `${directory} is in use by another Hindcast (process ${owner}); stop it, or use another data directory`,
    });
  }
  process.kill(pid, "SIGTERM");
  const deadline = Date.now() + stopTimeoutMs;
  while (isAlive(pid) && Date.now() < deadline) await delay(50);
  if (isAlive(pid)) process.kill(pid, "SIGKILL");
}

/** Guards against a reused process id: the command line must name this directory. */
async function runsFrom(pid: number, directory: string): Promise<boolean> {
  const commandLine = await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "");
  return commandLine.includes(join(directory, "nats-server.conf"));
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

async function lastLine(file: string): Promise<string> {
  const lines = (await readFile(file, "utf8").catch(() => "")).trim().split("\n");
  return lines.at(-1) ?? "no log";
}
