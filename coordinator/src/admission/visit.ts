import { type AdmissionReply, type AdmissionReserve, HindcastError, type LaneShare } from "@hindcast/shared";
import { type BudgetAccount, exhaustedMessage, type TicketRequest, unknownPriceMessage } from "@hindcast/shared/node";

type Place = Pick<TicketRequest, "priority" | "weight" | "accounts">;

/** Between two asks for the same ticket nobody listens; after this long nobody will come back. */
const graceMs = 10_000;
/** Tokens that count as one request where campaigns take turns. */
const tokensPerTurn = 1_000;

/** One request for admission, from its first ask to its answer; it keeps its place between asks. */
export class Visit {
  readonly request: TicketRequest;
  #asked: PromiseWithResolvers<AdmissionReply> | null = null;
  #timer: NodeJS.Timeout | undefined;
  #detachedMs = 0;
  #answer: AdmissionReply | null = null;

  constructor(request: AdmissionReserve, { priority, weight, accounts }: Place) {
    const { ticket, holder, lane, inputTokens, outputTokens, campaignId, usdMax } = request;
    const cost = Math.max(1, Math.ceil((inputTokens + outputTokens) / tokensPerTurn));
    const place = { priority, weight, accounts, cost, flow: campaignId ?? "" };
    this.request = {
      ticket,
      holder,
      lane,
      inputTokens,
      outputTokens,
      ...place,
      usdMax: usdMax ?? 0,
      isAttached: false,
    };
  }

  /** Somebody listens, for `waitMs` at most; then it is told why it waits. */
  attach(
    waitMs: number,
    why: () => Pick<Extract<AdmissionReply, { kind: "admission.waiting" }>, "block" | "detail">,
  ): Promise<AdmissionReply> {
    if (this.#answer !== null) return Promise.resolve(this.#answer);
    // Of two that ask for one ticket, the first has been given up by its sender.
    this.#asked?.resolve({ v: 1, kind: "admission.waiting", block: "turn", detail: "asked again" });
    clearTimeout(this.#timer);
    this.#asked = Promise.withResolvers<AdmissionReply>();
    this.request.isAttached = true;
    this.#timer = setTimeout(() => {
      this.#detach()?.resolve({ v: 1, kind: "admission.waiting", ...pick(why()) });
    }, waitMs);
    this.#timer.unref();
    return this.#asked.promise;
  }

  /** Kept for whoever asks again because the answer was lost. */
  answer(reply: AdmissionReply): void {
    this.#answer = reply;
    this.#detach()?.resolve(reply);
  }

  fail(error: unknown): void {
    this.#detach()?.reject(error);
  }

  isAbandoned(nowMs: number): boolean {
    return this.#answer === null && this.#asked === null && nowMs - this.#detachedMs > graceMs;
  }

  #detach(): PromiseWithResolvers<AdmissionReply> | null {
    clearTimeout(this.#timer);
    const asked = this.#asked;
    this.#asked = null;
    this.request.isAttached = false;
    this.#detachedMs = Date.now();
    return asked;
  }
}

function pick({ block, detail }: Pick<Extract<AdmissionReply, { kind: "admission.waiting" }>, "block" | "detail">): {
  block: typeof block;
  detail: string;
} {
  return { block, detail };
}

/** Nobody listens: whoever asked has settled it since. */
export const settledAlready: AdmissionReply = {
  v: 1,
  kind: "admission.waiting",
  block: "turn",
  detail: "it is settled",
};

export function granted(share: LaneShare, isBudgeted: boolean): AdmissionReply {
  return { v: 1, kind: "admission.granted", share, isBudgeted };
}

export function refusedFor(account: BudgetAccount, usdMax: number): AdmissionReply {
  const message = exhaustedMessage(account.status(), usdMax);
  return { v: 1, kind: "admission.refused", code: "CAMPAIGN_BUDGET_EXHAUSTED", message };
}

export function priceUnknown({ model, campaignId }: AdmissionReserve): AdmissionReply {
  return {
    v: 1,
    kind: "admission.refused",
    code: "MODEL_PRICE_UNKNOWN",
    message: unknownPriceMessage(model, campaignId),
  };
}

export function unpriced(model: string): HindcastError {
  return new HindcastError({
    code: "MODEL_PRICE_UNKNOWN",
    boundary: "model",
    message: unknownPriceMessage(model, null),
  });
}
