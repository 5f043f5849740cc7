// Whoever does the harm: one fault after another at random members, all of it decided by a seed and written down.
import { setTimeout as pause } from "node:timers/promises";
import type { Fleet, Member } from "./fleet.ts";
import type { ServerFault } from "./servers.ts";

export type FaultKind = "kill" | "stop-long" | "stop-short" | "terminate" | ServerFault;

export interface Fault {
  kind: FaultKind;
  member: string;
  part: string;
  /** Epoch milliseconds. */
  at: number;
  /** How long it was stopped, for the two kinds of pause. */
  pausedMs: number | null;
}

export interface NemesisOptions {
  random: () => number;
  /** Faults in all. */
  faults: number;
  /** Mean time between two, exponentially distributed. */
  everyMs: number;
  onFault: (fault: Fault, done: number) => void;
}

type MemberFault = Exclude<FaultKind, ServerFault>;

/** Weights. A long pause outlasts lease and ack_wait, so that what wakes up is a zombie. */
const shares: [MemberFault, number][] = [
  ["kill", 78],
  ["terminate", 8],
  ["stop-short", 6],
  ["stop-long", 2],
];
/** Three servers have six ways of being harmed, each of which takes a while to come back from. */
const serversShareOf = { one: 6, three: 40 } as const;
const shortPauseMs = 3_000;
const longPauseMs = 40_000;

export async function torment(fleet: Fleet, options: NemesisOptions): Promise<Fault[]> {
  const { random, faults, everyMs, onFault } = options;
  const history: Fault[] = [];
  const paused = new Map<Member, Promise<void>>();
  const servers = new ServerNemesis(fleet, random);
  while (history.length < faults) {
    await pause(Math.min(-Math.log(1 - random()) * everyMs, 5 * everyMs));
    const kind = drawn(random, fleet.servers.replicas === 1 ? serversShareOf.one : serversShareOf.three);
    const fault = kind === null ? servers.strike() : strike(kind, pick(fleet, paused, random), paused);
    if (fault === null) continue;
    history.push(fault);
    onFault(fault, history.length);
  }
  await Promise.all([...paused.values(), servers.untilWhole()]);
  return history;
}

/** Null: the servers' turn. */
function drawn(random: () => number, serversShare: number): MemberFault | null {
  let left = random() * (shares.reduce((sum, [, share]) => sum + share, 0) + serversShare);
  for (const [kind, share] of shares) if ((left -= share) < 0) return kind;
  return null;
}

/** One fault at a time: two of three servers down at once is an outage by definition, and no promise covers it. */
class ServerNemesis {
  readonly #fleet: Fleet;
  readonly #random: () => number;
  #striking: Promise<void> | null = null;
  #failure: unknown = null;

  constructor(fleet: Fleet, random: () => number) {
    this.#fleet = fleet;
    this.#random = random;
  }

  strike(): Fault | null {
    const { servers } = this.#fleet;
    const kind = servers.faults[Math.floor(this.#random() * servers.faults.length)];
    if (this.#striking !== null || kind === undefined) return null;
    // Its failure ends the run where it is waited for: what is counted as a fault was one.
    this.#striking = servers
      .strike(kind, this.#random)
      .catch((error: unknown) => void (this.#failure ??= error))
      .finally(() => (this.#striking = null));
    return { kind, member: "nats-server", part: "servers", at: Date.now(), pausedMs: null };
  }

  async untilWhole(): Promise<void> {
    await this.#striking;
    if (this.#failure !== null) throw this.#failure;
  }
}

function pick(fleet: Fleet, paused: Map<Member, Promise<void>>, random: () => number): Member | null {
  const candidates = fleet.members.filter((member) => !paused.has(member) && member.pid !== null);
  return candidates[Math.floor(random() * candidates.length)] ?? null;
}

function strike(kind: MemberFault, member: Member | null, paused: Map<Member, Promise<void>>): Fault | null {
  if (member === null) return null;
  const at = Date.now();
  const fault = { kind, member: member.name, part: member.part, at };
  if (kind === "kill") return member.signal("SIGKILL") ? { ...fault, pausedMs: null } : null;
  if (kind === "terminate") return member.signal("SIGTERM") ? { ...fault, pausedMs: null } : null;
  const pausedMs = kind === "stop-long" ? longPauseMs : shortPauseMs;
  if (!member.signal("SIGSTOP")) return null;
  paused.set(
    member,
    pause(pausedMs).then(() => {
      member.signal("SIGCONT");
      paused.delete(member);
    }),
  );
  return { ...fault, pausedMs };
}
