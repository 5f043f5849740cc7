// The fleet's admission as a process that sends requests sees it: a ticket from whoever admits, settled with what became
// of the request. When nobody answers, lanes without a budget are used by this process's share, and accounts with one
// wait: what is spent unadmitted cannot be taken back.
import { HindcastError, messageOf } from "../../errors.ts";
import { limits } from "../../limits.ts";
import {
  type AdmissionBlock,
  AdmissionDone,
  AdmissionRenew,
  AdmissionReply,
  AdmissionReserve,
  AdmissionSettle,
  AdmissionSettled,
} from "../../protocol/admission.ts";
import { subjects } from "../../protocol/subjects.ts";
import type { Bus } from "../bus/bus.ts";
import type { Logger } from "../logger.ts";
import type { Admission, AdmissionRequest, AttemptResult, Ticket } from "../model/admission.ts";
import { systemClock } from "../model/attempts.ts";
import { TimeLimit } from "../work/time-limit.ts";
import type { AdmissionClientMetrics } from "./admission-client-metrics.ts";
import { BudgetLookup } from "./budget-lookup.ts";
import type { LaneOutcome } from "./lane-state.ts";
import { isPassing } from "./passing.ts";
import { outcomeOf, unused } from "./settlement.ts";
import { ShareAdmission } from "./share-admission.ts";

export interface FleetAdmissionOptions {
  bus: Pick<Bus, "request" | "records">;
  /** Names this process among those that hold tickets; unique per start. */
  holder: string;
  logger: Logger;
  metrics?: AdmissionClientMetrics;
  /** How long the admitting process may hold an answer back. @default limits.admissionWaitMs */
  waitMs?: number;
}

/** An answer that does not come within this beyond the wait is lost. */
const answerMarginMs = 3_000;
/** That nobody admits is said at once; what fails later may lie with somebody who does. */
const unheardMsMax = 50;
/** After an answer that did not come: how long nobody asks again. */
const awayMs = 1_000;

type Wait = Extract<AdmissionReply, { kind: "admission.waiting" }>;

export class FleetAdmission implements Admission, AsyncDisposable {
  readonly isPausing = true;
  readonly #options: FleetAdmissionOptions;
  readonly #budgets: BudgetLookup;
  readonly #share = new ShareAdmission(() => Date.now());
  readonly #held = new Set<string>();
  readonly #settling = new Set<Promise<void>>();
  readonly #closing = new AbortController();
  readonly #renewing: NodeJS.Timeout;
  #count = 0;
  #awayUntilMs = 0;
  #isAway = false;

  constructor(options: FleetAdmissionOptions) {
    this.#options = options;
    this.#budgets = new BudgetLookup(options.bus);
    this.#renewing = setInterval(() => void this.#renew(), limits.admissionRenewMs);
    this.#renewing.unref();
  }

  async admit(request: AdmissionRequest, signal: AbortSignal): Promise<Ticket> {
    signal.throwIfAborted();
    const { account, lane } = request;
    const ticket = `${this.#options.holder}-${(this.#count += 1)}`;
    const startedAt = performance.now();
    account?.observer?.began();
    try {
      const by = await this.#wait(ticket, request, signal);
      this.#options.metrics?.admitted(lane, by, (performance.now() - startedAt) / 1_000);
      return { settle: (result) => this.#settle(ticket, request, result, by) };
    } finally {
      account?.observer?.ended();
    }
  }

  /** Lets settlements that are under way arrive, for a few seconds at most; the rest expires. */
  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#renewing);
    const giveUp = setTimeout(() => this.#closing.abort(), limits.abortMs);
    await Promise.allSettled(this.#settling);
    clearTimeout(giveUp);
  }

  async #wait(ticket: string, request: AdmissionRequest, signal: AbortSignal): Promise<"fleet" | "share"> {
    const startedAt = performance.now();
    this.#held.add(ticket);
    let isHeard = false;
    try {
      for (;;) {
        const askedAt = performance.now();
        const reply = await this.#ask(ticket, request, signal);
        isHeard ||= reply !== null || performance.now() - askedAt > unheardMsMax;
        if (reply === null) {
          if (await this.#byShare(ticket, request, signal)) {
            // A desk that heard it would let the ticket go one day, and nobody would settle it there.
            if (isHeard) this.#send(ticket, request.lane, unused, 0);
            return "share";
          }
          assertPatience({ block: "takeover", detail: "nobody admits requests" }, request, startedAt);
          request.account?.observer?.told("nobody admits requests; accounts with a budget wait");
          await systemClock.sleep(awayMs, signal);
        } else if (reply.kind === "admission.granted") {
          this.#learn(request, reply);
          return "fleet";
        } else if (reply.kind === "admission.refused") {
          throw refusal(reply);
        } else {
          assertPatience(reply, request, startedAt);
          request.account?.observer?.told(`${request.lane}: ${reply.detail}`);
        }
      }
    } catch (error) {
      this.#held.delete(ticket);
      // It may have been granted meanwhile: what nobody will send must not hold anything.
      this.#send(ticket, request.lane, unused, 0);
      throw error;
    }
  }

  /** Null: nobody answered. */
  async #ask(
    ticket: string,
    { model, lane, account, inputTokens, outputTokens, usdMax }: AdmissionRequest,
    signal: AbortSignal,
  ): Promise<AdmissionReply | null> {
    if (Date.now() < this.#awayUntilMs) return null;
    const waitMs = this.#options.waitMs ?? limits.admissionWaitMs;
    using patience = new TimeLimit(waitMs + 2 * answerMarginMs, signal);
    try {
      const reply = await this.#options.bus.request({
        subject: subjects.admission("reserve"),
        request: AdmissionReserve,
        reply: AdmissionReply,
        value: {
          v: 1,
          kind: "admission.reserve",
          ticket,
          holder: this.#options.holder,
          lane,
          model,
          campaignId: account?.campaignId ?? null,
          inputTokens,
          outputTokens,
          usdMax,
          waitMs,
        },
        timeoutMs: waitMs + answerMarginMs,
        signal: patience.signal,
      });
      this.#answered();
      return reply;
    } catch (error) {
      signal.throwIfAborted();
      if (!patience.hasPassed && !isPassing(error)) throw error;
      this.#unanswered(error);
      return null;
    }
  }

  async #byShare(
    ticket: string,
    { lane, account, inputTokens, outputTokens }: AdmissionRequest,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (await this.#budgets.isBudgeted(account?.campaignId ?? null)) return false;
    const flow = account?.campaignId ?? "";
    const { holder } = this.#options;
    const request = { ticket, holder, lane, inputTokens, outputTokens, flow, priority: 0, weight: 1, cost: 1 };
    await this.#share.admit(request, signal);
    return true;
  }

  #learn({ lane, account }: AdmissionRequest, { share, isBudgeted }: { share: Share; isBudgeted: boolean }): void {
    this.#share.learn(lane, share);
    this.#budgets.learn(account?.campaignId ?? null, isBudgeted);
  }

  // oxlint-disable-next-line max-params -- which ticket, for what, came to what, and who gave it
  #settle(ticket: string, { lane }: AdmissionRequest, result: AttemptResult, by: "fleet" | "share"): void {
    this.#held.delete(ticket);
    const outcome = outcomeOf(result);
    if (outcome.outcome !== "answered" && result.kind !== "answered") this.#options.metrics?.failed(result.kind);
    if (by === "share") this.#share.settle({ ticket, lane }, outcome);
    else this.#send(ticket, lane, outcome, result.costUsd);
  }

  /** Behind the caller's back: an answer does not wait until it is accounted for. */
  // oxlint-disable-next-line max-params -- as #settle
  #send(ticket: string, lane: string, outcome: LaneOutcome, costUsd: number | null): void {
    const value = { v: 1, kind: "admission.settle", ticket, lane, costUsd, ...outcome } as const;
    const sending = this.#deliver({
      ...value,
      holder: this.#options.holder,
      detail: outcome.detail || outcome.outcome,
    });
    const settling = sending.finally(() => this.#settling.delete(settling));
    this.#settling.add(settling);
  }

  async #deliver(value: AdmissionSettle): Promise<void> {
    const { bus, logger } = this.#options;
    using patience = new TimeLimit(limits.admissionSettleMsMax, this.#closing.signal);
    const giveUp = patience.signal;
    for (;;) {
      try {
        const settle = { subject: subjects.admission("settle"), request: AdmissionSettle, reply: AdmissionSettled };
        const { isKnown } = await bus.request({ ...settle, value, timeoutMs: limits.busTryTimeoutMs, signal: giveUp });
        if (!isKnown && value.outcome !== "unused") {
          logger.warn({ event: "admission.settled-late", ticket: value.ticket }, "a reservation had expired");
        }
        return;
      } catch (error) {
        if (giveUp.aborted || !isPassing(error)) {
          logger.warn({ event: "admission.unsettled", ticket: value.ticket, err: error }, messageOf(error));
          return;
        }
        // When it is time to give up, the next failure says so.
        await systemClock.sleep(awayMs, giveUp).catch(() => undefined);
      }
    }
  }

  async #renew(): Promise<void> {
    // Who found nobody also asks whether somebody admits again: it may have no more calls to find out by.
    if (this.#held.size === 0 && !this.#isAway) return;
    const value = { v: 1, kind: "admission.renew", holder: this.#options.holder } as const;
    const renew = { subject: subjects.admission("renew"), request: AdmissionRenew, reply: AdmissionDone };
    try {
      await this.#options.bus.request({ ...renew, value, timeoutMs: limits.busTryTimeoutMs });
      this.#answered();
    } catch (error) {
      this.#options.logger.debug({ event: "admission.unrenewed", err: error });
    }
  }

  #answered(): void {
    if (!this.#isAway) return;
    this.#isAway = false;
    this.#options.metrics?.away(false);
    this.#options.logger.info({ event: "admission.back" }, "requests are admitted for the fleet again");
    this.#share.reset();
  }

  #unanswered(error: unknown): void {
    this.#awayUntilMs = Date.now() + awayMs;
    if (this.#isAway) return;
    this.#isAway = true;
    this.#options.metrics?.away(true);
    this.#options.logger.warn(
      { event: "admission.away", err: error },
      "nobody admits requests for the fleet: lanes are used by this process's share, accounts with a budget wait",
    );
  }
}

type Share = Extract<AdmissionReply, { kind: "admission.granted" }>["share"];

function refusal({ code, message }: Extract<AdmissionReply, { kind: "admission.refused" }>): HindcastError {
  const boundary = code === "CAMPAIGN_BUDGET_EXHAUSTED" ? "campaign" : "model";
  return new HindcastError({ code, boundary, message });
}

/** @throws when a request has waited for longer than anybody should for this reason. */
function assertPatience(
  { block, detail }: Pick<Wait, "detail"> & { block: AdmissionBlock },
  { model, lane }: AdmissionRequest,
  startedAt: number,
): void {
  const isPaused = block === "paused";
  // A budget may be reserved by a batch, which takes up to a day.
  const mostMs = isPaused || block === "budget" ? limits.admissionPauseMsMax : limits.admissionStallMsMax;
  if (performance.now() - startedAt < mostMs) return;
  throw new HindcastError({
    code: isPaused ? "MODEL_LANE_PAUSED" : "MODEL_RATE_LIMITED",
    boundary: "model",
    message: `${model} was not admitted to ${lane} within ${mostMs / 60_000} minutes: ${detail}. \`hindcast status\` shows the lanes.`,
    retryable: true,
  });
}

export function holderOf(name: string): string {
  return `${name}-${process.pid}-${Date.now().toString(36)}`;
}
