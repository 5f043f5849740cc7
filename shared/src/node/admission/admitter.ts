// Decides who may send next: the queue of each lane, what holds the lane back, and the budgets. Lanes know nothing of each
// other, so one that is broken or paused holds nobody else. No I/O; the clock is passed in.
import type {
  AdmissionBlock,
  LaneRates,
  LaneRecord,
  LaneShare,
  LaneStatus,
  LaneTuning,
} from "../../protocol/admission.ts";
import { limits } from "../../limits.ts";
import type { BudgetAccount } from "./budget-account.ts";
import { FairQueue, type Waiting } from "./fair-queue.ts";
import { type Block, type LaneLimits, type LaneOutcome, LaneState } from "./lane-state.ts";

export interface TicketRequest extends Waiting {
  ticket: string;
  holder: string;
  lane: string;
  inputTokens: number;
  outputTokens: number;
  /** What is held on `accounts` until it is settled. */
  usdMax: number;
  accounts: readonly BudgetAccount[];
  /** False while nobody listens for the answer: it keeps its place and is passed over. */
  isAttached: boolean;
}

/** `exhausted`: the account that can never hold it. */
export type Decision =
  | { kind: "granted"; request: TicketRequest }
  | { kind: "exhausted"; request: TicketRequest; account: BudgetAccount };

interface LaneQueue {
  state: LaneState;
  queue: FairQueue<TicketRequest>;
  /** What held back the request that was next. */
  block: Block | null;
}

export class Admitter {
  readonly #limitsOf: (lane: string) => LaneLimits;
  readonly #lanes = new Map<string, LaneQueue>();
  readonly #granted = new Map<string, TicketRequest>();

  constructor(limitsOf: (lane: string) => LaneLimits) {
    this.#limitsOf = limitsOf;
  }

  /** Starts a lane from what an earlier admitter knew of it. */
  restore(lane: string, record: LaneRecord, nowMs: number): void {
    this.#lanes.set(lane, laneQueue(new LaneState(this.#limitsOf(lane), nowMs, record)));
  }

  hasRoomFor(lane: string): boolean {
    return this.#lanes.has(lane) || this.#lanes.size < limits.admissionLanesMax;
  }

  isGranted(ticket: string): boolean {
    return this.#granted.has(ticket);
  }

  enqueue(request: TicketRequest, nowMs: number): void {
    this.#lane(request.lane, nowMs).queue.push(request);
  }

  withdraw(request: TicketRequest): void {
    this.#lanes.get(request.lane)?.queue.remove(request);
  }

  /** A waiting request under other terms, behind those that wait under them already. */
  replace(request: TicketRequest, terms: Pick<TicketRequest, "priority" | "weight" | "accounts">, nowMs: number): void {
    this.withdraw(request);
    Object.assign(request, terms);
    this.enqueue(request, nowMs);
  }

  /** Everything that may go now, taken from its lane and held on its accounts; and what can never be paid. */
  decide(nowMs: number): Decision[] {
    return [...this.#lanes.values()].flatMap((lane) => this.#decideLane(lane, nowMs));
  }

  /**
   * @returns whether the ticket was known, and what it cost beyond what was held. An unknown one still says something of
   * its lane, but moves no dollars.
   */
  settle(
    { ticket, lane, costUsd }: { ticket: string; lane: string; costUsd: number | null },
    outcome: LaneOutcome,
    nowMs: number,
  ): { isKnown: boolean; excessUsd: number; accounts: readonly BudgetAccount[] } {
    const request = this.#granted.get(ticket);
    this.#granted.delete(ticket);
    this.#lane(lane, nowMs).state.settle(ticket, outcome, nowMs);
    if (request === undefined) return { isKnown: false, excessUsd: 0, accounts: [] };
    const excess = request.accounts.map((account) => account.settle(ticket, costUsd) ?? 0);
    return { isKnown: true, excessUsd: Math.max(0, ...excess), accounts: request.accounts };
  }

  ticketsOf(isOf: (holder: string) => boolean): { ticket: string; lane: string }[] {
    return [...this.#granted.values()].filter(({ holder }) => isOf(holder));
  }

  resume(lane: string): void {
    this.#lanes.get(lane)?.state.resume();
  }

  /** Null for a lane that nothing was sent on. */
  tune(lane: string, tuning: LaneTuning, nowMs: number): { before: LaneRates; after: LaneRates } | null {
    const state = this.#lanes.get(lane)?.state;
    if (state === undefined) return null;
    const before = state.rates;
    state.tune(tuning, nowMs);
    return { before, after: state.rates };
  }

  /** When to decide again although nothing happened; null: nobody waits for time to pass. */
  nextMs(nowMs: number): number | null {
    const times = [...this.#lanes.values()].flatMap(({ block, queue }) =>
      queue.length === 0 || block === null ? [] : [block.untilMs ?? Number.POSITIVE_INFINITY],
    );
    return times.length === 0 ? null : Math.max(nowMs + 1, Math.min(...times, nowMs + limits.admissionLookMs));
  }

  /** Why a waiting request waits, in words for its caller. */
  blockOf(request: TicketRequest, nowMs: number): { block: AdmissionBlock; detail: string } {
    const account = request.accounts.find((each) => !mayHold(each, request.usdMax));
    const block = this.#lane(request.lane, nowMs).state.blockOf(request, nowMs);
    if (block !== null && block.block === "paused") return block;
    if (account !== undefined) {
      return { block: "budget", detail: `the rest of the budget of ${account.name} is reserved by requests under way` };
    }
    return block ?? { block: "turn", detail: "others go first" };
  }

  share(lane: string, holders: number, nowMs: number): LaneShare {
    return this.#lane(lane, nowMs).state.share(holders);
  }

  records(nowMs: number): { lane: string; record: LaneRecord }[] {
    return [...this.#lanes].map(([lane, { state }]) => ({ lane, record: state.record(nowMs) }));
  }

  status(nowMs: number): LaneStatus[] {
    return [...this.#lanes].map(([lane, { state, queue }]) => {
      const block = state.blockOf({ inputTokens: 1, outputTokens: 1 }, nowMs);
      const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, concurrency } = state.share(1);
      return {
        lane,
        requestsPerMinute,
        inputTokensPerMinute,
        outputTokensPerMinute,
        concurrency,
        concurrencyMax: state.concurrencyMax,
        inFlight: state.inFlight(nowMs),
        waiting: queue.length,
        block: block?.block ?? null,
        detail: block?.detail ?? "",
        until: block?.untilMs == null ? null : new Date(block.untilMs).toISOString(),
      };
    });
  }

  #decideLane(lane: LaneQueue, nowMs: number): Decision[] {
    const decisions: Decision[] = [];
    for (const request of lane.queue.items()) {
      const account = request.accounts.find((each) => each.canHold(request.usdMax) === "never");
      if (account === undefined) continue;
      lane.queue.remove(request);
      decisions.push({ kind: "exhausted", request, account });
    }
    const isReady = (request: TicketRequest): boolean =>
      request.isAttached && request.accounts.every((account) => mayHold(account, request.usdMax));
    const mayGo = (request: TicketRequest): boolean => {
      lane.block = lane.state.blockOf(request, nowMs);
      return lane.block === null;
    };
    lane.block = null;
    for (let next = lane.queue.next(isReady, mayGo); next !== null; next = lane.queue.next(isReady, mayGo)) {
      const { ticket, usdMax, holder } = next;
      lane.state.take(next, nowMs);
      for (const account of next.accounts) account.hold(ticket, usdMax, holder);
      this.#granted.set(ticket, next);
      decisions.push({ kind: "granted", request: next });
    }
    return decisions;
  }

  #lane(lane: string, nowMs: number): LaneQueue {
    const known = this.#lanes.get(lane);
    if (known !== undefined) return known;
    const made = laneQueue(new LaneState(this.#limitsOf(lane), nowMs));
    this.#lanes.set(lane, made);
    return made;
  }
}

function laneQueue(state: LaneState): LaneQueue {
  return { state, queue: new FairQueue(), block: null };
}

/** A record of open tickets must fit a message, so there is a most of them. */
function mayHold(account: BudgetAccount, usd: number): boolean {
  return account.openCount < limits.admissionOpenMax && account.canHold(usd) === "now";
}
