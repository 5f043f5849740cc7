// Brings misfortune, by the seed: each run draws which kinds of faults it has and how many (swarm testing finds more
// than all kinds at once), and notes each one that it brings.
import type { SimulatedCluster, Service } from "./cluster.ts";
import type { Random } from "./random.ts";
import { headerOf, type Message } from "./server/wire.ts";
import type { SimulatedProcess } from "./time/process.ts";
import type { ProviderFault, SimulatedProvider } from "./world/provider.ts";

export const faultKinds = [
  "drop",
  "lost acknowledgement",
  "duplicate",
  "delay",
  "reorder",
  "redelivery",
  "reset",
  "partition",
  "server restart",
  "pause",
  "crash",
  "zombie",
  "drain",
  "clock skew",
  "429",
  "529",
  "timeout",
  "cut answer",
  "divergence",
] as const;
export type FaultKind = (typeof faultKinds)[number];

const providerFaults: readonly ProviderFault[] = ["429", "529", "timeout", "cut answer"];

export interface NemesisOptions {
  cluster: SimulatedCluster;
  provider: SimulatedProvider;
  random: Random;
  /** Only processes whose names begin like this are struck. */
  struck?: string;
  /** Starts a service again under the same name: what its supervisor would do. */
  programOf: (name: string) => Parameters<SimulatedCluster["start"]>[1];
}

export class Nemesis {
  readonly counts = new Map<FaultKind, number>();
  readonly #options: NemesisOptions;
  readonly #enabled: Set<FaultKind>;
  /** Of faults that come to single messages: how often. */
  readonly #rate: Partial<Record<FaultKind, number>>;
  /** Mean virtual time between two faults of processes and connections. */
  readonly #everyMs: number;
  #storm: { kinds: ProviderFault[]; rate: number } | null = null;
  #isOver = false;
  readonly #undo = new Set<() => void>();

  /** @param only exactly these kinds, in quick succession; by default the seed draws about half of all. */
  constructor(options: NemesisOptions, only: readonly FaultKind[] | null = null) {
    this.#options = options;
    const { random } = options;
    this.#enabled = new Set(only ?? faultKinds.filter(() => random.chance(0.5)));
    const rate = (max: number): number => 10 ** random.between(-3, Math.log10(max));
    this.#rate = {
      drop: rate(0.05),
      "lost acknowledgement": rate(0.1),
      duplicate: rate(0.1),
      delay: rate(0.1),
      reorder: rate(0.1),
      divergence: 0.3,
    };
    this.#everyMs = only === null ? random.between(1_500, 12_000) : 1_500;
  }

  /** Whether a world that is rebuilt now turns out to be another one. */
  readonly diverges = (): boolean => this.#strikes("divergence");

  /** Before the first process starts: clocks are wrong from the beginning. */
  prepare(): void {
    this.#options.cluster.onStart = (process) => this.#skew(process);
  }

  start(): void {
    const { cluster, provider } = this.#options;
    cluster.server.intake = (message, wire) => this.#intake(message, () => cluster.server.admit(message, wire));
    cluster.network.fate = (message) => this.#fate(message);
    const { latencyMs } = cluster.network;
    cluster.network.latencyMs = () =>
      latencyMs() + (this.#strikes("delay") ? this.#options.random.between(10, 3_000) : 0);
    provider.fault = () => this.#providerFault();
    this.#next();
  }

  /** No more faults; what is stopped goes on, what is cut off is reached again. */
  heal(): void {
    this.#isOver = true;
    this.#storm = null;
    for (const undo of this.#undo) undo();
  }

  count(kind: FaultKind, about = ""): void {
    this.counts.set(kind, (this.counts.get(kind) ?? 0) + 1);
    this.#options.cluster.trace.note(`* ${kind} ${about}`);
  }

  #strikes(kind: FaultKind): boolean {
    if (this.#isOver || !this.#enabled.has(kind)) return false;
    if (!this.#options.random.chance(this.#rate[kind] ?? 0)) return false;
    this.count(kind);
    return true;
  }

  /** What a process sends to JetStream: not heard, heard twice, or heard late. */
  #intake({ subject }: Message, admit: () => void): number {
    if (subject.startsWith("_INBOX")) return 1;
    if (this.#strikes("drop")) return 0;
    if (this.#strikes("duplicate")) return 2;
    if (!this.#strikes("reorder")) return 1;
    this.#options.cluster.scheduler.after(this.#options.random.between(1, 8_000), null, admit);
    return 0;
  }

  /** What the server sends: acknowledgements and answers get lost or overtaken, deliveries get lost. */
  #fate(message: Message): "kept" | "lost" | { lateMs: number } {
    if (message.reply !== null) return this.#strikes("drop") ? "lost" : "kept";
    if (isAcknowledgement(message)) return this.#strikes("lost acknowledgement") ? "lost" : "kept";
    const isOneOfMany = headerOf(message, "Nats-Sequence") !== null || message.status !== "";
    if (this.#strikes("drop")) return "lost";
    if (!isOneOfMany && this.#strikes("reorder")) return { lateMs: this.#options.random.between(1, 8_000) };
    return "kept";
  }

  #providerFault(): ProviderFault | null {
    const { random } = this.#options;
    if (this.#storm === null || !random.chance(this.#storm.rate)) return null;
    const fault = random.pick(this.#storm.kinds);
    this.count(fault);
    return fault;
  }

  #skew(process: SimulatedProcess): void {
    const { random } = this.#options;
    if (this.#isOver || !this.#enabled.has("clock skew")) return;
    process.skew = { offsetMs: random.between(-3_600_000, 3_600_000), rate: random.between(0.97, 1.03) };
    this.count("clock skew", process.name);
  }

  #next(): void {
    const { cluster, random } = this.#options;
    const waitMs = -Math.log(1 - random.fraction()) * this.#everyMs;
    cluster.scheduler.after(waitMs, null, () => {
      if (this.#isOver) return;
      this.#strike();
      this.#next();
    });
  }

  #strike(): void {
    const { cluster, random } = this.#options;
    const kinds = faultKinds.filter((kind) => this.#enabled.has(kind) && (kind in strikes || isProviderFault(kind)));
    if (kinds.length === 0) return;
    const kind = random.pick(kinds);
    if (isProviderFault(kind)) return this.#stir();
    const { struck = "" } = this.#options;
    const running = [...cluster.services.values()].filter(
      ({ name, process }) => process.state === "running" && name.startsWith(struck),
    );
    if (running.length === 0) return;
    const service = random.pick(running);
    this.count(kind, service.name);
    strikes[kind as keyof typeof strikes]({ ...this.#options, service, until: (ms, undo) => this.#until(ms, undo) });
  }

  /** A storm at the provider: for a while many requests fail, in the ways that this run has. */
  #stir(): void {
    const { random } = this.#options;
    this.#storm = { kinds: providerFaults.filter((kind) => this.#enabled.has(kind)), rate: random.between(0.2, 1) };
    this.#until(random.between(1_000, 25_000), () => {
      this.#storm = null;
    });
  }

  /** Undoes a fault after a while, or when the faults are over. */
  #until(ms: number, undo: () => void): void {
    const once = (): void => {
      if (this.#undo.delete(once)) undo();
    };
    this.#undo.add(once);
    this.#options.cluster.scheduler.after(ms, null, once);
  }
}

interface Strike extends NemesisOptions {
  service: Service;
  until: (ms: number, undo: () => void) => void;
}

/** Faults that come at a moment, each to one process. */
const strikes = {
  pause: ({ service, random, until }) => {
    service.process.pause();
    until(10 ** random.between(2, 4.95), () => service.process.resume());
  },
  crash: ({ cluster, service, random, programOf }) =>
    cluster.kill(service, programOf(service.name), random.between(200, 20_000)),
  zombie: ({ cluster, service, random, programOf, until }) => {
    const dead = service.process;
    if (random.chance(0.5)) dead.pause();
    else cluster.network.cut(dead);
    cluster.replace(service, programOf(service.name));
    until(10 ** random.between(3, 4.95), () => {
      dead.resume();
      cluster.network.heal(dead);
    });
    // Whoever took it for dead makes sure in the end.
    cluster.scheduler.after(240_000, null, () => dead.kill());
  },
  drain: ({ service }) => service.drain.abort(new Error("SIGTERM")),
  partition: ({ cluster, service, random, until }) => {
    cluster.network.cut(service.process);
    until(10 ** random.between(2, 4.8), () => cluster.network.heal(service.process));
  },
  reset: ({ cluster, service }) => cluster.network.reset(service.process),
  "server restart": ({ cluster, random, until }) => {
    cluster.network.stopServer();
    until(random.between(100, 10_000), () => cluster.network.startServer());
  },
  redelivery: ({ cluster }) => {
    for (const consumers of cluster.server.jetstream.consumers.values()) {
      for (const consumer of consumers.values()) consumer.redeliverEarly();
    }
  },
} satisfies Partial<Record<FaultKind, (strike: Strike) => void>>;

const isProviderFault = (kind: string): kind is ProviderFault => (providerFaults as readonly string[]).includes(kind);

/** The answer to a stored message, or to an acknowledgement of a task. */
function isAcknowledgement({ data, status }: Message): boolean {
  if (status !== "") return false;
  return data.length === 0 || Buffer.from(data.subarray(0, 10)).toString() === '{"stream":';
}
