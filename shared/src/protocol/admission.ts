// Admission of model calls over request/reply: `hindcast.admission.<verb>`. Every request that is to be sent to a
// provider takes a ticket first and settles it with what became of it. One process of the fleet answers.
import { z } from "zod";
import { CampaignId } from "../domain/ids.ts";
import { ErrorCode } from "../errors.ts";

/** `provider.family.hash`: requests of one lane share the provider's limits. The hash covers endpoint and key. */
export const LaneId = z
  .string()
  .max(160)
  .regex(/^[A-Za-z0-9_-]+(\.[A-Za-z0-9_-]+){0,2}$/, "expected a lane such as anthropic.claude-sonnet-5.3f9c1d7e55ab");
export type LaneId = z.infer<typeof LaneId>;

const TicketId = z.string().min(1).max(120);
/** The process that holds tickets; its silence lets them expire. */
const Holder = z.string().min(1).max(80);
const tokens = z.int().nonnegative();
const dollars = z.number().nonnegative();

/** Asks for a ticket. Asking again with the same id, after a lost answer or a `waiting`, continues the same wait. */
export const AdmissionReserve = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.reserve"),
  ticket: TicketId,
  holder: Holder,
  lane: LaneId,
  /** `provider:model`, for messages. */
  model: z.string().max(200),
  /** Null: on nobody's account but the fleet's. */
  campaignId: CampaignId.nullable(),
  inputTokens: tokens,
  outputTokens: tokens,
  /** The most that this request can cost; null: its price is unknown. */
  usdMax: dollars.nullable(),
  /** How long the answer may be held back. */
  waitMs: z.int().nonnegative().max(60_000),
});
export type AdmissionReserve = z.infer<typeof AdmissionReserve>;

/** A limit as a provider's headers report it, per minute. */
export const LearnedLimit = z.strictObject({
  unit: z.enum(["requests", "tokens", "input-tokens", "output-tokens"]),
  limit: z.number().positive(),
  remaining: z.number().nonnegative(),
});
export type LearnedLimit = z.infer<typeof LearnedLimit>;

/** What became of an admitted request, told apart by what it says about its lane. */
export const AdmissionOutcome = z.enum([
  "answered",
  "rate-limited",
  "overloaded",
  "unavailable",
  "timeout",
  "answer-invalid",
  /** A spend limit or a day's quota: waiting seconds does not help. */
  "spent",
  /** The request itself was at fault, or the key: it says nothing of the lane's capacity. */
  "refused",
  /** Begun and given up by the caller; it may be billed. */
  "aborted",
  /** Never sent. */
  "unused",
]);
export type AdmissionOutcome = z.infer<typeof AdmissionOutcome>;

export const AdmissionSettle = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.settle"),
  ticket: TicketId,
  holder: Holder,
  lane: LaneId,
  outcome: AdmissionOutcome,
  /** What counts towards the lane's limits (input without cache reads); null: as estimated. */
  usage: z.strictObject({ inputTokens: tokens, outputTokens: tokens }).nullable(),
  /** Null: unknown, and then the reserved maximum is charged. */
  costUsd: dollars.nullable(),
  retryAfterMs: z.number().nonnegative().nullable(),
  /** The provider's words, free of secrets. */
  detail: z.string().max(300),
  durationMs: z.number().nonnegative(),
  learned: z.array(LearnedLimit).max(8),
});
export type AdmissionSettle = z.infer<typeof AdmissionSettle>;

/** Said every `admissionRenewMs` by whoever holds tickets. */
export const AdmissionRenew = z.strictObject({ v: z.literal(1), kind: z.literal("admission.renew"), holder: Holder });
export type AdmissionRenew = z.infer<typeof AdmissionRenew>;

export const AdmissionStatusRequest = z.strictObject({ v: z.literal(1), kind: z.literal("admission.status") });

/** An operator's word that a lane may be used again. */
export const AdmissionResume = z.strictObject({ v: z.literal(1), kind: z.literal("admission.resume"), lane: LaneId });
export type AdmissionResume = z.infer<typeof AdmissionResume>;

export const BudgetStatus = z.strictObject({
  /** A campaign's id, or `fleet`. */
  account: z.string(),
  limitUsd: dollars,
  settledUsd: dollars,
  escrowUsd: dollars,
});
export type BudgetStatus = z.infer<typeof BudgetStatus>;

/**
 * Asks what is left of the budgets on which a campaign's batches count, before one is made. Batches take no ticket of a
 * lane: providers count them apart, and they wait for nobody.
 */
export const AdmissionRoom = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.room"),
  campaignId: CampaignId.nullable(),
});
export type AdmissionRoom = z.infer<typeof AdmissionRoom>;

/**
 * Reserves what a campaign's part of a batch can cost at most, before the batch is submitted. It stays reserved, whoever
 * dies, until it is paid: the ticket is named after the batch, whose record says whether it may still be open.
 */
export const AdmissionHold = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.hold"),
  ticket: TicketId,
  campaignId: CampaignId.nullable(),
  usdMax: dollars,
});
export type AdmissionHold = z.infer<typeof AdmissionHold>;

/** What a campaign's part of a batch has cost. Paid once: for a ticket that is not open no dollars move. */
export const AdmissionPay = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.pay"),
  ticket: TicketId,
  costUsd: dollars,
});
export type AdmissionPay = z.infer<typeof AdmissionPay>;

export const AdmissionRoomReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.room"),
  /** Empty: nothing is counted. */
  budgets: z.array(BudgetStatus),
  /** Whether models of unknown price are used where dollars are counted; what they cost is not. */
  allowUnknownPrices: z.boolean(),
});
export type AdmissionRoomReply = z.infer<typeof AdmissionRoomReply>;

/** `isHeld` false: there is no room for it now, and nothing is reserved. */
export const AdmissionHeld = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.held"),
  isHeld: z.boolean(),
});

const PerMinute = z.int().positive().max(9_999_999_999).nullable().optional();

/**
 * What an operator has said of a lane while it runs, before what is configured. Absent: as configured; null: no limit but
 * that which the provider reports.
 */
export const LaneTuning = z.strictObject({
  requestsPerMinute: PerMinute,
  inputTokensPerMinute: PerMinute,
  outputTokensPerMinute: PerMinute,
  /** The most requests at once; how many of them it bears is found out by trying. */
  concurrencyMax: z.int().positive().max(9_999).optional(),
});
export type LaneTuning = z.infer<typeof LaneTuning>;

/** Changes limits of a lane that is in use. Coordinators ask, for an operator and after they have recorded it. */
export const AdmissionTune = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.tune"),
  lane: LaneId,
  tuning: LaneTuning,
});
export type AdmissionTune = z.infer<typeof AdmissionTune>;

/** What is configured or was tuned, before and after; stored when this is answered. */
const LaneRates = z.strictObject({
  requestsPerMinute: z.number().nullable(),
  inputTokensPerMinute: z.number().nullable(),
  outputTokensPerMinute: z.number().nullable(),
  concurrencyMax: z.number(),
});
export type LaneRates = z.infer<typeof LaneRates>;
export const AdmissionTuned = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.tuned"),
  before: LaneRates,
  after: LaneRates,
});

/** Why a request is not admitted yet. */
export const AdmissionBlock = z.enum([
  "rate",
  "concurrency",
  "gate",
  "paused",
  "breaker",
  "budget",
  "turn",
  "takeover",
]);
export type AdmissionBlock = z.infer<typeof AdmissionBlock>;

/** The share that is left to a process when nobody answers: the lane's limits, divided by the processes that use it. */
export const LaneShare = z.strictObject({
  requestsPerMinute: z.number().positive().nullable(),
  inputTokensPerMinute: z.number().positive().nullable(),
  outputTokensPerMinute: z.number().positive().nullable(),
  concurrency: z.number().positive(),
  holders: z.int().positive(),
});
export type LaneShare = z.infer<typeof LaneShare>;

export const AdmissionReply = z.discriminatedUnion("kind", [
  z.strictObject({
    v: z.literal(1),
    kind: z.literal("admission.granted"),
    share: LaneShare,
    /** True: dollars are counted, so nothing may be spent on this account unadmitted. */
    isBudgeted: z.boolean(),
  }),
  z.strictObject({ v: z.literal(1), kind: z.literal("admission.waiting"), block: AdmissionBlock, detail: z.string() }),
  z.strictObject({
    v: z.literal(1),
    kind: z.literal("admission.refused"),
    code: ErrorCode,
    message: z.string(),
  }),
]);
export type AdmissionReply = z.infer<typeof AdmissionReply>;

/** `isKnown` false: the ticket had expired or was settled before; its dollars stay as they were charged then. */
export const AdmissionSettled = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.settled"),
  isKnown: z.boolean(),
});

export const AdmissionDone = z.strictObject({ v: z.literal(1), kind: z.literal("admission.done") });

export const LaneStatus = z.strictObject({
  lane: LaneId,
  requestsPerMinute: z.number().nullable(),
  inputTokensPerMinute: z.number().nullable(),
  outputTokensPerMinute: z.number().nullable(),
  /** Requests at once that the lane bears now, and the most that were configured. */
  concurrency: z.number(),
  concurrencyMax: z.number(),
  inFlight: z.int(),
  waiting: z.int(),
  /** What holds back the next request now; null: nothing. */
  block: AdmissionBlock.nullable(),
  /** One sentence on it, e.g. the provider's word on a spend limit. */
  detail: z.string(),
  /** ISO time at which the block ends by itself; null: not known. */
  until: z.iso.datetime().nullable(),
});
export type LaneStatus = z.infer<typeof LaneStatus>;

export const AdmissionStatus = z.strictObject({
  v: z.literal(1),
  kind: z.literal("admission.status"),
  lanes: z.array(LaneStatus),
  budgets: z.array(BudgetStatus),
  /** Settlements of tickets that had expired: their holders were taken for dead. */
  zombieSettlements: z.int().nonnegative(),
});
export type AdmissionStatus = z.infer<typeof AdmissionStatus>;

/** A value of the BUDGETS bucket, under a campaign's id or `fleet`. settled + all open <= limit when it is written. */
export const BudgetRecord = z.strictObject({
  v: z.literal(1),
  limitUsd: dollars,
  settledUsd: dollars,
  /** Dollars reserved by tickets that are not settled, by ticket. */
  open: z.record(TicketId, z.strictObject({ usd: dollars, holder: Holder })),
  /** Counts writers: whoever begins to admit writes a higher one and so fences the one before. */
  term: z.int().nonnegative(),
});
export type BudgetRecord = z.infer<typeof BudgetRecord>;

/** Until when, by the clock of who wrote it, and for how long from when it began: on a clock that is wrong, the most to wait. */
const Closed = z.strictObject({ untilMs: z.number().nonnegative(), forMs: z.number().nonnegative() });

/** A value of the LANES bucket: what the next one to admit starts from. */
export const LaneRecord = z.strictObject({
  v: z.literal(1),
  concurrency: z.number().positive(),
  isSlowStart: z.boolean(),
  inFlight: z.int().nonnegative(),
  learned: z.array(LearnedLimit).default([]),
  tuned: LaneTuning.default({}),
  gate: Closed,
  paused: Closed.extend({ reason: z.string() }).nullable(),
});
export type LaneRecord = z.infer<typeof LaneRecord>;
