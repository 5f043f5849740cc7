// The network between the simulated processes and the server: ordered byte streams, as TCP gives them, with latency,
// partitions and broken connections, and with messages that never arrive or arrive late, as between the servers of a
// cluster. It stands in for `node:net`, so that the whole client library runs above it.
import { EventEmitter } from "node:events";
import { currentProcess, type SimulatedProcess } from "./time/process.ts";
import type { Event, Scheduler } from "./time/scheduler.ts";
import type { Random } from "./random.ts";
import type { SimulatedNatsServer, Wire } from "./server/nats-server.ts";
import type { Message } from "./server/wire.ts";

/** What happens to a message from the server: lost, late (behind later ones), or as it should be. */
export type Fate = "kept" | "lost" | { lateMs: number };

export interface NetworkOptions {
  scheduler: Scheduler;
  server: SimulatedNatsServer;
  random: Random;
}

export class Network {
  readonly #options: NetworkOptions;
  readonly #links = new Set<Link>();
  readonly #cut = new Set<SimulatedProcess>();
  isServerUp = true;
  /** Milliseconds one way; drawn for every frame. */
  latencyMs = (): number => 0.2 + this.#options.random.fraction() * 0.6;
  fate: (message: Message, to: SimulatedProcess) => Fate = () => "kept";

  constructor(options: NetworkOptions) {
    this.#options = options;
  }

  /** Stands in for `net.createConnection`. */
  readonly createConnection = (_port: number, _host: string, onConnect: () => void): SimulatedSocket => {
    const process = currentProcess();
    if (process === undefined) throw new Error("a simulated connection outside a simulated process");
    const { scheduler } = this.#options;
    const socket = new SimulatedSocket();
    const delay = this.latencyMs() + this.latencyMs();
    scheduler.after(delay, process, () => {
      if (socket.destroyed) return;
      if (!this.isServerUp || this.#cut.has(process)) return this.#refuse(socket, process);
      const link = new Link(this, socket, process, this.#options);
      this.#links.add(link);
      socket.link = link;
      onConnect();
      scheduler.after(0, null, () => link.open());
    });
    return socket;
  };

  #refuse(socket: SimulatedSocket, process: SimulatedProcess): void {
    const code = this.#cut.has(process) ? "EHOSTUNREACH" : "ECONNREFUSED";
    socket.emit("error", Object.assign(new Error(`connect ${code}`), { code }));
    socket.emit("close");
  }

  isCut(process: SimulatedProcess): boolean {
    return this.#cut.has(process);
  }

  /** Nothing goes through any more; what is sent waits, as TCP's retransmissions do. */
  cut(process: SimulatedProcess): void {
    this.#cut.add(process);
  }

  heal(process: SimulatedProcess): void {
    if (!this.#cut.delete(process)) return;
    for (const link of this.#links) if (link.process === process) link.flush();
  }

  /** Breaks a process's connections; what is under way in either direction is lost. */
  reset(process: SimulatedProcess): void {
    for (const link of this.#links) if (link.process === process) link.reset();
  }

  stopServer(): void {
    this.isServerUp = false;
    for (const link of this.#links) link.reset();
    this.#options.server.jetstream.restart();
  }

  startServer(): void {
    this.isServerUp = true;
  }

  forget(link: Link): void {
    this.#links.delete(link);
  }
}

/** One connection, both ends. */
class Link implements Wire {
  readonly process: SimulatedProcess;
  readonly #network: Network;
  readonly #socket: SimulatedSocket;
  readonly #scheduler: Scheduler;
  readonly #server: SimulatedNatsServer;
  #isBroken = false;
  readonly #up: Direction;
  readonly #down: Direction;

  constructor(network: Network, socket: SimulatedSocket, process: SimulatedProcess, options: NetworkOptions) {
    this.#network = network;
    this.#socket = socket;
    this.process = process;
    this.#scheduler = options.scheduler;
    this.#server = options.server;
    this.#up = new Direction(options.scheduler, null, (bytes) => this.#server.receive(this, bytes));
    this.#down = new Direction(options.scheduler, process, (bytes) => void socket.emit("data", bytes));
    // The kernel of a machine that lives closes the connections of a killed process; what it sent still arrives.
    process.onKill.push(() => this.hangUp());
  }

  get name(): string {
    return this.process.name;
  }

  open(): void {
    if (!this.#isBroken) this.#server.open(this);
  }

  write(bytes: Uint8Array): void {
    if (this.#isBroken) return;
    const delayMs = this.#network.isCut(this.process) ? null : this.#network.latencyMs();
    this.#up.send(Buffer.from(bytes), delayMs);
  }

  send(bytes: Uint8Array, about: Message | null): void {
    if (this.#isBroken || this.process.state === "killed") return;
    const fate = about === null ? "kept" : this.#network.fate(about, this.process);
    if (fate === "lost") return;
    const isCut = this.#network.isCut(this.process);
    const latencyMs = isCut ? null : this.#network.latencyMs();
    if (fate === "kept" || latencyMs === null) return this.#down.send(Buffer.from(bytes), latencyMs);
    this.#down.sendApart(Buffer.from(bytes), latencyMs + fate.lateMs);
  }

  flush(): void {
    this.#up.flush(() => this.#network.latencyMs());
    this.#down.flush(() => this.#network.latencyMs());
  }

  /** The client closed: the server hears of it after what was sent before. */
  hangUp(): void {
    if (this.#isBroken) return;
    const delayMs = this.#network.isCut(this.process) ? null : this.#network.latencyMs();
    this.#up.last(delayMs, () => this.#end());
  }

  reset(): void {
    if (this.#isBroken) return;
    this.#up.lose();
    this.#down.lose();
    this.#end();
    this.#scheduler.after(this.#network.latencyMs(), this.process, () => {
      if (!this.#socket.destroyed) this.#socket.emit("close");
    });
  }

  #end(): void {
    this.#isBroken = true;
    this.#server.close(this);
    this.#network.forget(this);
  }
}

/** Bytes one way, in order. */
class Direction {
  readonly #scheduler: Scheduler;
  readonly #process: SimulatedProcess | null;
  readonly #arrive: (bytes: Uint8Array) => void;
  #flight: { event: Event; frames: Buffer[] } | null = null;
  readonly #apart = new Set<Event>();
  #held: Buffer[] = [];
  #last: { run: () => void } | null = null;

  constructor(scheduler: Scheduler, process: SimulatedProcess | null, arrive: (bytes: Uint8Array) => void) {
    this.#scheduler = scheduler;
    this.#process = process;
    this.#arrive = arrive;
  }

  /** @param delayMs null: the way is cut. */
  send(bytes: Buffer, delayMs: number | null): void {
    if (delayMs === null || this.#held.length > 0) this.#held.push(bytes);
    // What is on its way already takes this along: it would arrive right behind it.
    else if (this.#flight !== null) this.#flight.frames.push(bytes);
    else {
      const frames = [bytes];
      const event = this.#scheduler.after(delayMs, this.#process, () => {
        this.#flight = null;
        this.#arrive(frames.length === 1 ? bytes : Buffer.concat(frames));
      });
      this.#flight = { event, frames };
    }
  }

  /** One message that others overtake. */
  sendApart(bytes: Buffer, delayMs: number): void {
    const event = this.#scheduler.after(delayMs, this.#process, () => {
      this.#apart.delete(event);
      this.#arrive(bytes);
    });
    this.#apart.add(event);
  }

  last(delayMs: number | null, run: () => void): void {
    if (delayMs === null || this.#held.length > 0) this.#last = { run };
    else this.#scheduler.after(delayMs + 1, null, run);
  }

  flush(latencyMs: () => number): void {
    const held = this.#held;
    this.#held = [];
    if (held.length > 0) this.send(Buffer.concat(held), latencyMs());
    const last = this.#last;
    this.#last = null;
    if (last !== null) this.last(latencyMs(), last.run);
  }

  lose(): void {
    if (this.#flight !== null) this.#flight.event.isCancelled = true;
    this.#flight = null;
    this.#held = [];
    for (const event of this.#apart) event.isCancelled = true;
  }
}

/** The part of `net.Socket` that the client library uses. */
class SimulatedSocket extends EventEmitter {
  destroyed = false;
  link: Link | null = null;

  setNoDelay(): this {
    return this;
  }

  write(bytes: Uint8Array, done?: (error?: Error) => void): boolean {
    if (this.destroyed) {
      done?.(new Error("the socket is closed"));
      return false;
    }
    if (bytes.length > 0) this.link?.write(bytes);
    done?.();
    return true;
  }

  end(): this {
    return this.destroy();
  }

  destroy(): this {
    if (this.destroyed) return this;
    this.destroyed = true;
    this.link?.hangUp();
    return this;
  }
}
