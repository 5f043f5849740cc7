// The dollars of batches as a process that makes them sees it: the one process that admits keeps the budgets. Nothing is
// reserved and nothing is paid by halves, so whoever does not get an answer asks again; an account without a budget does
// not wait for one.
import type { CampaignId } from "../../domain/ids.ts";
import {
  AdmissionDone,
  AdmissionHeld,
  AdmissionHold,
  AdmissionPay,
  AdmissionRoom,
  AdmissionRoomReply,
} from "../../protocol/admission.ts";
import { limits } from "../../limits.ts";
import { subjects } from "../../protocol/subjects.ts";
import type { Bus } from "../bus/bus.ts";
import type { Logger } from "../logger.ts";
import { systemClock } from "../model/attempts.ts";
import type { BatchPart, BatchPurse, Room } from "../model/batch/batch-purse.ts";
import { batchTicket } from "./batch-ticket.ts";
import { BudgetLookup } from "./budget-lookup.ts";
import { isPassing } from "./passing.ts";

/** After an answer that did not come: how long nobody asks again. */
const awayMs = 1_000;

export class FleetPurse implements BatchPurse {
  readonly #bus: Pick<Bus, "request" | "records">;
  readonly #logger: Logger;
  readonly #budgets: BudgetLookup;

  constructor(bus: Pick<Bus, "request" | "records">, logger: Logger) {
    this.#bus = bus;
    this.#logger = logger;
    this.#budgets = new BudgetLookup(bus);
  }

  async room(campaign: CampaignId | null, signal: AbortSignal): Promise<Room> {
    const ask = (): Promise<Room> =>
      this.#bus.request({
        subject: subjects.admission("room"),
        request: AdmissionRoom,
        reply: AdmissionRoomReply,
        value: { v: 1, kind: "admission.room", campaignId: campaign },
        timeoutMs: limits.busTryTimeoutMs,
        signal,
      });
    const uncounted = { campaign, value: { budgets: [], allowUnknownPrices: true } };
    return await this.#untilAnswered(ask, signal, uncounted);
  }

  async hold({ batch, campaignId, usdMax }: BatchPart & { usdMax: number }, signal: AbortSignal): Promise<boolean> {
    const ask = async (): Promise<boolean> => {
      const { isHeld } = await this.#bus.request({
        subject: subjects.admission("hold"),
        request: AdmissionHold,
        reply: AdmissionHeld,
        value: { v: 1, kind: "admission.hold", ticket: batchTicket(batch, campaignId), campaignId, usdMax },
        timeoutMs: limits.busTryTimeoutMs,
        signal,
      });
      return isHeld;
    };
    return await this.#untilAnswered(ask, signal, { campaign: campaignId, value: true });
  }

  async pay({ batch, campaignId, costUsd }: BatchPart & { costUsd: number }, signal: AbortSignal): Promise<void> {
    const ask = (): Promise<unknown> =>
      this.#bus.request({
        subject: subjects.admission("pay"),
        request: AdmissionPay,
        reply: AdmissionDone,
        value: { v: 1, kind: "admission.pay", ticket: batchTicket(batch, campaignId), costUsd },
        timeoutMs: limits.busTryTimeoutMs,
        signal,
      });
    await this.#untilAnswered(ask, signal);
  }

  /** @param uncounted what holds where nobody answers and no dollars of the campaign are counted. */
  async #untilAnswered<T>(
    ask: () => Promise<T>,
    signal: AbortSignal,
    uncounted: { campaign: CampaignId | null; value: T } | null = null,
  ): Promise<T> {
    for (let isFirst = true; ; isFirst = false) {
      try {
        return await ask();
      } catch (error) {
        signal.throwIfAborted();
        if (!isPassing(error)) throw error;
        if (uncounted !== null && !(await this.#budgets.isBudgeted(uncounted.campaign))) return uncounted.value;
        if (isFirst) this.#logger.warn({ event: "batch.unadmitted", err: error }, "nobody admits; a batch waits");
        await systemClock.sleep(awayMs, signal);
      }
    }
  }
}
