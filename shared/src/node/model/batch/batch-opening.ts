// How requests become a batch: those that are answered or on their way are left out, the rest is written down as an
// intent, and the intent counts from the moment that the register has it.
import type { WorkerId } from "../../../domain/ids.ts";
import { limits } from "../../../limits.ts";
import { leaseOf } from "../../../protocol/subjects.ts";
import type { Lease, LeaseStore } from "../../bus/bus.ts";
import { type JournalStore, readJournaled } from "../journal.ts";
import type { Completion } from "../model.ts";
import { type Affordable, affordable } from "./batch-purse.ts";
import type { BatchRecord, BatchRegister } from "./batch-record.ts";
import type { HeldBatch, RunOptions } from "./batch-run.ts";
import type { Versioned } from "./batch-store.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export interface OpenOptions extends Pick<RunOptions, "store" | "clock" | "tuning" | "driver" | "purse"> {
  leases: LeaseStore;
  journal: JournalStore;
  owner: WorkerId;
  /** Ids of batches that this process opens or runs: a lease does not keep a process from itself. */
  claimed: Set<string>;
}

export interface Opening {
  answered: { waiting: WaitingRequest; answer: Completion }[];
  /** In a batch that was open before. */
  joined: { waiting: WaitingRequest; batch: string }[];
  /** In the new batch, or left because as many batches are open as may be. */
  fresh: WaitingRequest[];
  /** Their budget has no room for them now. */
  later: WaitingRequest[];
  /** Their budget never will. */
  never: Affordable["never"];
  batch: HeldBatch | null;
}

export async function openBatch(
  options: OpenOptions,
  requests: readonly WaitingRequest[],
  signal: AbortSignal,
): Promise<Opening> {
  const { store, tuning } = options;
  const opening: Opening = { answered: [], joined: [], fresh: [...requests], later: [], never: [], batch: null };
  for (let round = 0; round < limits.batchRoundsMax; round += 1) {
    const register = await store.register();
    await sortOut(options, opening, await store.openOf(register.value));
    await sortOutUnaffordable(options, opening, signal);
    if (opening.fresh.length === 0 || register.value.open.length >= tuning.openMax) return opening;
    opening.batch = await registered(options, opening.fresh, register);
    if (opening.batch !== null) return opening;
  }
  return opening;
}

/** The journal is read after the register: what is in neither is neither answered nor on its way. */
async function sortOut(options: OpenOptions, opening: Opening, open: readonly BatchRecord[]): Promise<void> {
  const batchOf = new Map(open.flatMap(({ id, items }) => items.map(({ hash }) => [hash, id] as const)));
  const asked: WaitingRequest[] = [];
  for (const waiting of opening.fresh) {
    const batch = batchOf.get(waiting.hash);
    if (batch === undefined) asked.push(waiting);
    else opening.joined.push({ waiting, batch });
  }
  opening.fresh = [];
  for (let i = 0; i < asked.length; i += limits.batchLookupsAtOnce) {
    const part = asked.slice(i, i + limits.batchLookupsAtOnce);
    const answers = await Promise.all(part.map(({ hash }) => readJournaled(options.journal, hash)));
    for (const [position, waiting] of part.entries()) {
      const answer = answers[position] ?? null;
      if (answer === null) opening.fresh.push(waiting);
      else opening.answered.push({ waiting, answer });
    }
  }
}

/** Only of what has to be bought: what is answered or on its way costs nothing more. */
async function sortOutUnaffordable(
  { purse, driver }: OpenOptions,
  opening: Opening,
  signal: AbortSignal,
): Promise<void> {
  const { now, later, never } = await affordable({ purse, model: driver.driver.id, signal }, opening.fresh);
  opening.fresh = now;
  opening.later.push(...later);
  opening.never.push(...never);
}

/** Null when another process has changed the register meanwhile. */
async function registered(
  options: OpenOptions,
  requests: readonly WaitingRequest[],
  register: Versioned<BatchRegister>,
): Promise<HeldBatch | null> {
  const { store, leases, owner, tuning, claimed } = options;
  const hashes = requests.map(({ hash }) => hash);
  const id = store.nextId(register.value, hashes);
  claimed.add(id);
  let lease: Lease | null = null;
  let isOpen = false;
  try {
    const acquisition = await leases.acquire(leaseOf.batch(id), owner, tuning.leaseTtlMs);
    if (acquisition.kind !== "acquired") return null;
    ({ lease } = acquisition);
    const batch = await store.putIntent(intentOf(options, id, requests));
    isOpen = await store.admit(register, id);
    if (isOpen) return { batch, lease, requests: new Map(requests.map(({ hash, request }) => [hash, request])) };
    await store.drop(id);
    return null;
  } finally {
    if (!isOpen) {
      claimed.delete(id);
      await lease?.release();
    }
  }
}

function intentOf({ driver, clock }: OpenOptions, id: string, requests: readonly WaitingRequest[]): BatchRecord {
  return {
    v: 1,
    kind: "batch",
    id,
    model: driver.driver.id,
    state: "intent",
    providerId: null,
    items: requests.map(({ hash, tries, campaignId, usdMax }) => ({
      hash,
      attempt: tries + 1,
      outcome: "waiting",
      campaignId,
      usdMax: usdMax === null ? null : roundedUp(usdMax),
    })),
    done: null,
    createdAt: new Date(clock.now()).toISOString(),
    closedAt: null,
    detail: null,
    cancel: null,
  };
}

/** Millionths of a dollar, so that a thousand of them fit a message. */
function roundedUp(usd: number): number {
  return Math.ceil(usd * 1e6) / 1e6;
}
