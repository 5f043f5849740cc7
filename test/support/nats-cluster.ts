// Three nats-servers on this machine, every stream on all three. Each calls the others through proxies that can be cut: a
// partition that neither side is told of.
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, mkdirSync, openSync, writeFileSync } from "node:fs";
import { connect, createServer, type Server, type Socket } from "node:net";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { Pool, WorkerId } from "@hindcast/shared";
import { permissionsOf, renderServerConfig, type RoleOptions, type ServerUser } from "@hindcast/shared/node";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";

const host = "127.0.0.1";
const servers = 3;
const readyMsMax = 60_000;
const fileStoreBytesMax = 8 * 1024 ** 3;

export interface NatsClusterOptions {
  directory: string;
  workers: readonly WorkerId[];
  pools: readonly Pool[];
}

interface Ports {
  client: number;
  monitor: number;
  route: number;
}

export interface ClusterCredentials {
  user: string;
  password: string;
  inboxPrefix: string;
}

export class NatsCluster implements AsyncDisposable {
  readonly #options: NatsClusterOptions;
  readonly #binary: string;
  readonly #ports: Ports[];
  readonly #routes: Route[];
  readonly #users = new Map<string, ServerUser & ClusterCredentials>();
  readonly #children: (ChildProcess | null)[] = Array.from({ length: servers }, () => null);

  private constructor(options: NatsClusterOptions, binary: string, ports: Ports[], routes: Route[]) {
    this.#options = options;
    this.#binary = binary;
    this.#ports = ports;
    this.#routes = routes;
    for (const role of ["coordinator", "index-core", "client"] as const) {
      this.#addUser(role, (inboxPrefix) => ({ role, inboxPrefix }));
    }
    for (const workerId of options.workers) {
      const { pools } = options;
      this.#addUser(workerId, (inboxPrefix) => ({ role: "rollout-agent", workerId, pools, inboxPrefix }));
    }
  }

  static async start(options: NatsClusterOptions): Promise<NatsCluster> {
    const binary = await findNatsServer(natsBinaryOptions(process.env, console.error));
    const ports = await Promise.all(Array.from({ length: servers }, freePorts));
    const routes: Route[] = [];
    for (const [from] of ports.entries()) {
      for (const [to, { route }] of ports.entries()) {
        if (to !== from) routes.push(await Route.open({ from, to, port: route }));
      }
    }
    const cluster = new NatsCluster(options, binary, ports, routes);
    for (const n of ports.keys()) cluster.launch(n);
    try {
      await cluster.untilReady();
      return cluster;
    } catch (error) {
      await cluster[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** All three, for a client that goes on with another one when its own is lost. */
  get url(): string {
    return this.#ports.map(({ client }) => `nats://${host}:${client}`).join(",");
  }

  get size(): number {
    return servers;
  }

  credentials(user: string): ClusterCredentials {
    const found = this.#users.get(user);
    if (found === undefined) throw new RangeError(`this cluster was started without a user ${user}`);
    return { user: found.user, password: found.password, inboxPrefix: found.inboxPrefix };
  }

  directoryOf(server: number): string {
    return join(this.#options.directory, `server-${server}`);
  }

  launch(server: number): void {
    const directory = this.directoryOf(server);
    const ports = this.#ports[server];
    if (ports === undefined) throw new RangeError(`there is no server ${server}`);
    mkdirSync(directory, { recursive: true });
    const file = join(directory, "nats-server.conf");
    writeFileSync(file, this.#config(server, ports), { mode: 0o600 });
    const log = openSync(join(directory, "nats-server.log"), "a");
    this.#children[server] = spawn(this.#binary, ["--config", file], { stdio: ["ignore", log, log] });
    closeSync(log);
  }

  /** Signals one server; `SIGUSR2` is nats-server's lame duck mode: it moves its leaders and clients away, then ends. */
  signal(server: number, signal: NodeJS.Signals): void {
    this.#children[server]?.kill(signal);
  }

  async untilEnded(server: number): Promise<void> {
    const child = this.#children[server];
    if (child === null || child === undefined) return;
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    this.#children[server] = null;
  }

  /** Cuts every route of one server; its clients still reach it. */
  isolate(server: number): void {
    for (const route of this.#routes) if (route.joins(server)) route.cut();
  }

  heal(): void {
    for (const route of this.#routes) route.mend();
  }

  /** Number of the server that leads a stream now, or null while there is none. */
  async leaderOf(stream: string): Promise<number | null> {
    for (const server of this.#ports.keys()) {
      const found = await this.#leaderBy(server, stream);
      if (found !== null) return found;
    }
    return null;
  }

  async untilReady(): Promise<void> {
    const deadline = Date.now() + readyMsMax;
    for (;;) {
      const healthy = await Promise.all(this.#ports.map(({ monitor }) => isHealthy(monitor)));
      if (healthy.every(Boolean)) return;
      if (Date.now() > deadline) throw new Error(`the cluster is not healthy: ${healthy.join(", ")}`);
      await pause(100);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#children.keys()) {
      this.signal(server, "SIGCONT");
      this.signal(server, "SIGKILL");
      await this.untilEnded(server);
    }
    await Promise.all(this.#routes.map((route) => route.close()));
  }

  async #leaderBy(server: number, stream: string): Promise<number | null> {
    try {
      const url = `http://${host}:${this.#ports[server]?.monitor}/jsz?streams=true&accounts=true`;
      const body = (await (await fetch(url, { signal: AbortSignal.timeout(2_000) })).json()) as Jsz;
      const found = (body.account_details ?? [])
        .flatMap(({ stream_detail }) => stream_detail ?? [])
        .find(({ name }) => name === stream);
      const number = /^server-(\d+)$/.exec(found?.cluster?.leader ?? "")?.[1];
      return number === undefined ? null : Number(number);
    } catch {
      return null; // It is down or cut off: another one may know.
    }
  }

  #addUser(name: string, options: (inboxPrefix: string) => RoleOptions): void {
    const inboxPrefix = `_INBOX_${name}`;
    const password = randomBytes(24).toString("hex");
    this.#users.set(name, { user: name, password, inboxPrefix, permissions: permissionsOf(options(inboxPrefix)) });
  }

  #config(server: number, { client, monitor, route }: Ports): string {
    return renderServerConfig({
      serverName: `server-${server}`,
      host,
      port: client,
      monitorPort: monitor,
      jetstreamDirectory: join(this.directoryOf(server), "jetstream"),
      fileStoreBytesMax,
      users: [...this.#users.values()],
      cluster: {
        name: "hindcast",
        port: route,
        routes: this.#routes.filter(({ from }) => from === server).map(({ url }) => url),
      },
    });
  }
}

interface Jsz {
  account_details?: { stream_detail?: { name: string; cluster?: { leader?: string } }[] }[];
}

/** One route, from a server to another, through a proxy. */
class Route {
  readonly from: number;
  readonly #to: number;
  readonly #port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isCut = false;

  private constructor(from: number, to: number, port: number) {
    this.from = from;
    this.#to = to;
    this.#port = port;
    this.#server = createServer((near) => this.#join(near));
  }

  static async open({ from, to, port }: { from: number; to: number; port: number }): Promise<Route> {
    const route = new Route(from, to, port);
    route.#server.listen(0, host);
    await once(route.#server, "listening");
    return route;
  }

  get url(): string {
    const address = this.#server.address();
    return `nats://${host}:${typeof address === "object" && address !== null ? address.port : 0}`;
  }

  joins(server: number): boolean {
    return this.from === server || this.#to === server;
  }

  cut(): void {
    this.#isCut = true;
    for (const socket of this.#sockets) socket.destroy();
  }

  mend(): void {
    this.#isCut = false;
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #join(near: Socket): void {
    if (this.#isCut) return void near.destroy();
    const far = connect(this.#port, host);
    for (const [socket, other] of [
      [near, far],
      [far, near],
    ] as const) {
      this.#sockets.add(socket);
      // A cut is seen as an error by one side and as an end by the other; both mean that the route is gone.
      socket.on("error", () => other.destroy());
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
      socket.pipe(other);
    }
  }
}

async function freePorts(): Promise<Ports> {
  const [client = 0, monitor = 0, route = 0] = await Promise.all(Array.from({ length: 3 }, freePort));
  return { client, monitor, route };
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, "listening");
  const address = server.address();
  await new Promise((resolve) => server.close(resolve));
  return typeof address === "object" && address !== null ? address.port : 0;
}

async function isHealthy(monitor: number): Promise<boolean> {
  try {
    const response = await fetch(`http://${host}:${monitor}/healthz`, { signal: AbortSignal.timeout(2_000) });
    await response.body?.cancel();
    return response.ok;
  } catch {
    return false;
  }
}
