// The simulated cluster: one server, one network, one provider, and processes that are started, stopped, killed and
// started again. Everything in it follows from one seed.
import { createRequire } from "node:module";
import { type Bus, connectBus } from "@hindcast/shared/node";
import { createInbox } from "@nats-io/transport-node";
import { Network } from "./network.ts";
import { Random } from "./random.ts";
import { SimulatedNatsServer } from "./server/nats-server.ts";
import { patchGlobals } from "./time/patched-globals.ts";
import { SimulatedProcess } from "./time/process.ts";
import { Scheduler } from "./time/scheduler.ts";
import { Trace } from "./trace.ts";

const require = createRequire(import.meta.url);
const startMs = Date.UTC(2026, 0, 1);

/** What a process does between its start and its end; `drain` asks it to end. */
export type Program = (bus: Bus, drain: AbortSignal) => Promise<void>;

/** A process that is kept running: what dies is started again. */
export interface Service {
  name: string;
  process: SimulatedProcess;
  drain: AbortController;
  isRunning: boolean;
}

export class SimulatedCluster implements Disposable {
  readonly random: Random;
  readonly scheduler = new Scheduler(startMs);
  readonly server: SimulatedNatsServer;
  readonly network: Network;
  readonly trace: Trace;
  readonly services = new Map<string, Service>();
  /** What processes of a real cluster would have died of. */
  readonly failures: string[] = [];
  /** Told of every process before it begins. */
  onStart: (process: SimulatedProcess) => void = () => undefined;
  readonly #patched: Disposable;
  #generation = 0;

  constructor(seed: number, options: { isTraced?: boolean } = {}) {
    // The client library makes its own names from a generator that it seeds once: not within a run.
    createInbox();
    this.random = new Random(seed);
    this.server = new SimulatedNatsServer(this.scheduler);
    this.network = new Network({ scheduler: this.scheduler, server: this.server, random: this.random.fork() });
    this.trace = new Trace(() => this.scheduler.now - startMs, options.isTraced ?? false);
    this.server.onMessage = (message, wire) => this.trace.message(wire.name, message);
    const { createConnection } = this.network;
    this.#patched = patchGlobals([{ target: require("node:net") as object, patches: { createConnection } }]);
  }

  get elapsedMs(): number {
    return this.scheduler.now - startMs;
  }

  /** Starts a process and keeps it running; one that ends or fails is started again after a while. */
  start(name: string, program: Program): Service {
    const generation = ++this.#generation;
    const process = new SimulatedProcess(name, this.scheduler, this.random.fork());
    const service: Service = { name, process, drain: new AbortController(), isRunning: true };
    this.services.set(name, service);
    this.onStart(process);
    this.trace.note(`start ${name} (${generation})`);
    const run = async (): Promise<void> => {
      try {
        const bus = await this.connect(`${name}-${generation}`);
        await program(bus, service.drain.signal);
      } catch (error) {
        if (!isServerAway(error)) this.failures.push(`${name}: ${String(error)}`);
        this.trace.note(`${name} failed: ${String(error)}`);
      }
      process.kill();
      this.#restart(service, program, 1_000);
    };
    this.scheduler.after(0, process, () => void run());
    return service;
  }

  /** SIGKILL; started again after `downMs`. */
  kill(service: Service, program: Program, downMs: number): void {
    this.trace.note(`kill ${service.name}`);
    service.process.kill();
    this.#restart(service, program, downMs);
  }

  /** A second process of this name is started while the first one, which everybody believes dead, lives on. */
  replace(service: Service, program: Program): void {
    service.isRunning = false;
    this.start(service.name, program);
  }

  #restart(service: Service, program: Program, afterMs: number): void {
    if (!service.isRunning) return;
    service.isRunning = false;
    this.scheduler.after(afterMs, null, () => void this.start(service.name, program));
  }

  connect(name: string): Promise<Bus> {
    return connectBus({
      servers: "nats://127.0.0.1:4222",
      credentials: null,
      name,
      inboxPrefix: `_INBOX_${name}`,
      onStatus: (status) => this.trace.note(`${name} bus: ${status}`),
    });
  }

  /** Runs `work` as a process of its own until it is done. @throws what it throws; when `limitMs` of virtual time have passed */
  async perform<T>(name: string, work: (bus: Bus) => Promise<T>, limitMs = 600_000): Promise<T> {
    const process = new SimulatedProcess(name, this.scheduler, this.random.fork());
    let outcome: { value: T } | { error: unknown } | null = null;
    const run = async (): Promise<void> => {
      try {
        const bus = await this.connect(name);
        outcome = { value: await work(bus) };
        await bus.close();
      } catch (error) {
        outcome = { error };
      }
    };
    this.scheduler.after(0, process, () => void run());
    await this.scheduler.run(() => outcome !== null, this.scheduler.now + limitMs);
    process.kill();
    const ended = outcome as { value: T } | { error: unknown } | null;
    if (ended === null) throw new Error(`${name} was not done after ${limitMs} ms of virtual time`);
    if ("error" in ended) throw ended.error;
    return ended.value;
  }

  [Symbol.dispose](): void {
    for (const { process } of this.services.values()) process.kill();
    this.#patched[Symbol.dispose]();
  }
}

const isServerAway = (error: unknown): boolean =>
  error instanceof Error && "retryable" in error && error.retryable === true;
