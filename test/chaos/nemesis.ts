// Whoever does the harm: one fault after another at random members, all of it decided by a seed and written down.
import { setTimeout as pause } from "node:timers/promises";
import type { Fleet, Member } from "./fleet.ts";

export type FaultKind = "kill" | "kill-server" | "stop-long" | "stop-short" | "terminate";

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

/** In percent. A pause is longer than lease and ack_wait, so that what wakes up is a zombie; it overlaps other faults. */
const shares: [FaultKind, number][] = [
  ["kill", 78],
  ["terminate", 8],
  ["stop-short", 6],
  ["stop-long", 2],
  ["kill-server", 6],
];
const shortPauseMs = 3_000;
const longPauseMs = 40_000;

export async function torment(fleet: Fleet, options: NemesisOptions): Promise<Fault[]> {
  const { random, faults, everyMs, onFault } = options;
  const history: Fault[] = [];
  const paused = new Map<Member, Promise<void>>();
  while (history.length < faults) {
    await pause(Math.min(-Math.log(1 - random()) * everyMs, 5 * everyMs));
    const kind = drawn(random);
    const fault = kind === "kill-server" ? killServer(fleet) : strike(kind, pick(fleet, paused, random), paused);
    if (fault === null) continue;
    history.push(fault);
    onFault(fault, history.length);
  }
  await Promise.all(paused.values());
  return history;
}

function drawn(random: () => number): FaultKind {
  let left = random() * 100;
  for (const [kind, share] of shares) if ((left -= share) < 0) return kind;
  return "kill";
}

function pick(fleet: Fleet, paused: Map<Member, Promise<void>>, random: () => number): Member | null {
  const candidates = fleet.members.filter((member) => !paused.has(member) && member.pid !== null);
  return candidates[Math.floor(random() * candidates.length)] ?? null;
}

function killServer({ broker }: Fleet): Fault {
  process.kill(broker.pid, "SIGKILL");
  return { kind: "kill-server", member: "nats-server", part: "broker", at: Date.now(), pausedMs: null };
}

function strike(kind: FaultKind, member: Member | null, paused: Map<Member, Promise<void>>): Fault | null {
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
