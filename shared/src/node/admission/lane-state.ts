// One lane: everything that may hold back its next request, each for its own reason and none in the place of another.
// A told wait (Retry-After) closes the gate, an overload cuts the concurrency, a spend limit pauses, an outage opens the
// breaker, and token buckets keep the rates. No I/O; the clock is passed in.
import type {
  AdmissionBlock,
  AdmissionSettle,
  LaneRates,
  LaneRecord,
  LaneShare,
  LaneTuning,
  LearnedLimit,
} from "../../protocol/admission.ts";
import { limits } from "../../limits.ts";
import { CircuitBreaker } from "./circuit-breaker.ts";
import { type ConcurrencyBounds, ConcurrencyLimit } from "./concurrency-limit.ts";
import { TokenBucket } from "./token-bucket.ts";

/** Null: not limited, as far as is known. */
export interface LaneLimits {
  requestsPerMinute: number | null;
  inputTokensPerMinute: number | null;
  outputTokensPerMinute: number | null;
  concurrency: ConcurrencyBounds;
}

export interface LaneNeed {
  ticket: string;
  inputTokens: number;
  outputTokens: number;
}

export interface Block {
  block: AdmissionBlock;
  detail: string;
  /** Epoch ms at which it ends by itself; null: not known. */
  untilMs: number | null;
}

type Unit = LearnedLimit["unit"];
const units: readonly Unit[] = ["requests", "tokens", "input-tokens", "output-tokens"];

/** A 429 that names no time closes the gate this long, doubling up to the cap while they go on. */
const gateMs = 1_000;
/** A wait that is longer than this is not one that requests queue for: the lane is paused, with the reason. */
const gateMsMax = 300_000;
/** A pause of unknown length is tried again after this long, by one request. */
const pauseMs = 900_000;

/** What an outcome says of the service: a fault or not; null: nothing. */
const faults: Record<AdmissionSettle["outcome"], boolean | null> = {
  answered: false,
  "rate-limited": false,
  overloaded: true,
  unavailable: true,
  timeout: true,
  "answer-invalid": true,
  spent: null,
  refused: false,
  aborted: null,
  unused: null,
};

export type LaneOutcome = Pick<
  AdmissionSettle,
  "outcome" | "usage" | "retryAfterMs" | "detail" | "durationMs" | "learned"
>;

export class LaneState {
  readonly #configured: LaneLimits;
  #tuned: LaneTuning;
  readonly #buckets = new Map<Unit, TokenBucket>();
  readonly #learned = new Map<Unit, LearnedLimit>();
  readonly #underWay = new Map<string, LaneNeed & { sentMs: number }>();
  readonly #breaker = new CircuitBreaker();
  #concurrency: ConcurrencyLimit;
  #gate = { untilMs: 0, forMs: 0 };
  #gateSetMs = 0;
  #refusalsInARow = 0;
  #pause: (Closed & { reason: string; probe: string | null }) | null = null;
  /** Requests of an earlier admitter that are under way, as far as it had written. */
  #inherited = { count: 0, untilMs: 0 };

  constructor(laneLimits: LaneLimits, nowMs: number, record: LaneRecord | null = null) {
    this.#configured = laneLimits;
    this.#tuned = record?.tuned ?? {};
    const from = record === null ? null : { limit: record.concurrency, isSlowStart: record.isSlowStart };
    this.#concurrency = new ConcurrencyLimit(this.#limits.concurrency, from);
    for (const learned of record?.learned ?? []) this.#learned.set(learned.unit, learned);
    // How full the buckets were is not known to a successor; empty is the only safe guess.
    for (const unit of units) this.#limit(unit, nowMs, record === null ? 1 : 0);
    if (record === null) return;
    this.#gate = inherited(record.gate, nowMs);
    if (record.paused !== null) this.#pause = { ...record.paused, ...inherited(record.paused, nowMs), probe: null };
    this.#inherited = { count: record.inFlight, untilMs: nowMs + limits.admissionHolderTtlMs };
  }

  inFlight(nowMs: number): number {
    return this.#underWay.size + (nowMs < this.#inherited.untilMs ? this.#inherited.count : 0);
  }

  /** What holds a request back now; null: it may go. */
  blockOf(need: Omit<LaneNeed, "ticket">, nowMs: number): Block | null {
    if (this.#pause !== null && (nowMs < this.#pause.untilMs || this.#pause.probe !== null)) {
      return { block: "paused", detail: this.#pause.reason, untilMs: this.#pause.untilMs };
    }
    if (nowMs < this.#gate.untilMs) {
      return { block: "gate", detail: "the provider asked to wait", untilMs: this.#gate.untilMs };
    }
    const breakerMs = this.#breaker.waitMs(nowMs);
    if (breakerMs > 0) {
      const untilMs = Number.isFinite(breakerMs) ? nowMs + breakerMs : null;
      return { block: "breaker", detail: "the provider does not answer; one request at a time tries it", untilMs };
    }
    const { limit } = this.#concurrency;
    if (this.inFlight(nowMs) >= limit) {
      return { block: "concurrency", detail: `${limit} requests are under way`, untilMs: null };
    }
    return this.#rateBlock(need, nowMs);
  }

  take(need: LaneNeed, nowMs: number): void {
    this.#underWay.set(need.ticket, { ...need, sentMs: nowMs });
    for (const [unit, bucket] of this.#buckets) bucket.take(amountOf(need, unit), nowMs);
    this.#concurrency.began(this.inFlight(nowMs));
    this.#breaker.began(need.ticket);
    if (this.#pause !== null) this.#pause.probe = need.ticket;
  }

  /** @returns false for a ticket that is not under way: its outcome is heard all the same. */
  settle(ticket: string, result: LaneOutcome, nowMs: number): boolean {
    const taken = this.#underWay.get(ticket);
    this.#underWay.delete(ticket);
    if (taken !== undefined) this.#correctRates(taken, result, nowMs);
    else if (result.outcome !== "unused") this.#inherited.count = Math.max(0, this.#inherited.count - 1);
    for (const learned of result.learned) {
      this.#learned.set(learned.unit, learned);
      this.#limit(learned.unit, nowMs, 1);
      this.#buckets.get(learned.unit)?.atMost(learned.remaining, nowMs);
    }
    this.#breaker.ended(ticket, faults[result.outcome], nowMs);
    this.#hear(ticket, result, { sentMs: taken?.sentMs ?? nowMs - result.durationMs, nowMs });
    return taken !== undefined;
  }

  resume(): void {
    this.#pause = null;
    this.#gate = { untilMs: 0, forMs: 0 };
  }

  /** From now on; requests under way stay as they are. A rate that is new begins with an empty bucket. */
  tune(tuning: LaneTuning, nowMs: number): void {
    this.#tuned = { ...this.#tuned, ...tuning };
    for (const unit of units) this.#limit(unit, nowMs, 0);
    this.#concurrency.within(this.#limits.concurrency);
  }

  /** What an operator has set; the provider may report less. */
  get rates(): LaneRates {
    const { concurrency, ...rates } = this.#limits;
    return { ...rates, concurrencyMax: concurrency.max };
  }

  share(holders: number): LaneShare {
    const rate = (unit: Unit): number | null => this.#buckets.get(unit)?.perMinute ?? null;
    return {
      requestsPerMinute: rate("requests"),
      inputTokensPerMinute: rate("input-tokens") ?? rate("tokens"),
      outputTokensPerMinute: rate("output-tokens"),
      concurrency: this.#concurrency.limit,
      holders,
    };
  }

  get concurrencyMax(): number {
    return this.#limits.concurrency.max;
  }

  record(nowMs: number): LaneRecord {
    return {
      v: 1,
      concurrency: this.#concurrency.limit,
      isSlowStart: this.#concurrency.isSlowStart,
      inFlight: this.inFlight(nowMs),
      learned: [...this.#learned.values()],
      tuned: this.#tuned,
      gate: this.#gate,
      paused: this.#pause === null ? null : pick(this.#pause),
    };
  }

  #rateBlock(need: Omit<LaneNeed, "ticket">, nowMs: number): Block | null {
    let slowest: Block | null = null;
    for (const [unit, bucket] of this.#buckets) {
      const untilMs = nowMs + bucket.waitMs(amountOf(need, unit), nowMs);
      if (untilMs > (slowest?.untilMs ?? nowMs)) {
        slowest = { block: "rate", detail: `${bucket.perMinute} ${unit} per minute are used up`, untilMs };
      }
    }
    return slowest;
  }

  #correctRates(taken: LaneNeed, { outcome, usage }: LaneOutcome, nowMs: number): void {
    const isUnused = outcome === "unused";
    if (usage === null && !isUnused) return;
    for (const [unit, bucket] of this.#buckets) {
      const actual = isUnused ? 0 : unit === "requests" ? 1 : amountOf({ ...taken, ...usage }, unit);
      bucket.settle(amountOf(taken, unit), actual, nowMs);
    }
  }

  #hear(ticket: string, result: LaneOutcome, { sentMs, nowMs }: { sentMs: number; nowMs: number }): void {
    const { outcome, retryAfterMs, usage, durationMs, detail } = result;
    if (this.#pause?.probe === ticket) {
      this.#pause.probe = null;
      if (outcome !== "spent" && outcome !== "unused" && outcome !== "aborted") this.#pause = null;
    }
    switch (outcome) {
      case "answered": {
        this.#refusalsInARow = 0;
        this.#concurrency.answered();
        const perToken = durationMs / Math.max(1, usage?.outputTokens ?? 1);
        if (this.#concurrency.observeLatency(perToken)) this.#concurrency.overloaded(sentMs, nowMs);
        return;
      }
      case "rate-limited":
        return this.#refused(retryAfterMs, detail, { sentMs, nowMs });
      case "overloaded":
      case "unavailable":
      case "timeout":
        this.#concurrency.overloaded(sentMs, nowMs);
        if (retryAfterMs !== null) this.#closeGate(retryAfterMs, detail, nowMs);
        return;
      case "spent":
        // Gemini advises seconds even where the day's quota is used up; no money and no quota comes back so soon.
        this.#pause = { reason: detail, ...closed(Math.max(retryAfterMs ?? 0, pauseMs), nowMs), probe: null };
        return;
      case "answer-invalid":
      case "refused":
      case "aborted":
      case "unused":
        return;
    }
  }

  /** Where headers say what the limit is, the buckets keep it; where none do, a 429 is all there is to learn from. */
  #refused(retryAfterMs: number | null, detail: string, { sentMs, nowMs }: { sentMs: number; nowMs: number }): void {
    if (this.#learned.size === 0) this.#concurrency.overloaded(sentMs, nowMs);
    const isNews = sentMs >= this.#gateSetMs;
    if (isNews) this.#refusalsInARow += 1;
    const backoffMs = Math.min(gateMs * 2 ** (this.#refusalsInARow - 1), limits.modelRetryDelayMsMax);
    if (retryAfterMs !== null || isNews) this.#closeGate(retryAfterMs ?? backoffMs, detail, nowMs);
  }

  #closeGate(ms: number, detail: string, nowMs: number): void {
    if (ms > gateMsMax) {
      const reason = `told to wait ${Math.ceil(ms / 60_000)} minutes: ${detail}`;
      this.#pause = { reason, ...closed(ms, nowMs), probe: null };
      return;
    }
    if (nowMs + ms > this.#gate.untilMs) this.#gate = closed(ms, nowMs);
    this.#gateSetMs = nowMs;
  }

  /** As configured, but for what was tuned since. */
  get #limits(): LaneLimits {
    const configured = this.#configured;
    const {
      requestsPerMinute = configured.requestsPerMinute,
      inputTokensPerMinute = configured.inputTokensPerMinute,
      outputTokensPerMinute = configured.outputTokensPerMinute,
      concurrencyMax = configured.concurrency.max,
    } = this.#tuned;
    const concurrency = boundsWithin(configured.concurrency, concurrencyMax);
    return { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute, concurrency };
  }

  /** The smaller of what is set and what the provider reports. */
  #limit(unit: Unit, nowMs: number, level: number): void {
    const known = [this.#rate(unit), this.#learned.get(unit)?.limit ?? null].filter((value) => value !== null);
    if (known.length === 0) return void this.#buckets.delete(unit);
    const perMinute = Math.min(...known);
    const bucket = this.#buckets.get(unit);
    if (bucket === undefined) this.#buckets.set(unit, new TokenBucket(perMinute, nowMs, level));
    else if (bucket.perMinute !== perMinute) this.#buckets.set(unit, bucket.at(perMinute, nowMs));
  }

  #rate(unit: Unit): number | null {
    const { requestsPerMinute, inputTokensPerMinute, outputTokensPerMinute } = this.#limits;
    switch (unit) {
      case "requests":
        return requestsPerMinute;
      case "input-tokens":
        return inputTokensPerMinute;
      case "output-tokens":
        return outputTokensPerMinute;
      case "tokens":
        return null;
    }
  }
}

function boundsWithin({ min, start }: ConcurrencyBounds, max: number): ConcurrencyBounds {
  return { min: Math.min(min, max), start: Math.min(start, max), max };
}

type Closed = LaneRecord["gate"];

const closed = (forMs: number, nowMs: number): Closed => ({ untilMs: nowMs + forMs, forMs });

/** What an earlier admitter closed, whose clock may have been hours ahead: never longer than it was closed for. */
const inherited = ({ untilMs, forMs }: Closed, nowMs: number): Closed => ({
  untilMs: Math.min(untilMs, nowMs + forMs),
  forMs,
});

const pick = ({ reason, untilMs, forMs }: Closed & { reason: string }): Closed & { reason: string } => ({
  reason,
  untilMs,
  forMs,
});

function amountOf({ inputTokens, outputTokens }: Omit<LaneNeed, "ticket">, unit: Unit): number {
  switch (unit) {
    case "requests":
      return 1;
    case "tokens":
      return inputTokens + outputTokens;
    case "input-tokens":
      return inputTokens;
    case "output-tokens":
      return outputTokens;
  }
}
