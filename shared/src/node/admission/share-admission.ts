// Admission by a share of each lane, for as long as nobody admits for the whole fleet: the same rules within this process,
// under the lane's limits divided by the processes that use it. Knows of no budget; never use it where there is one.
import type { LaneShare } from "../../protocol/admission.ts";
import { Admitter, type TicketRequest } from "./admitter.ts";
import type { LaneLimits, LaneOutcome } from "./lane-state.ts";

export class ShareAdmission {
  readonly #shares = new Map<string, LaneShare>();
  readonly #now: () => number;
  readonly #waiting = new Map<string, () => void>();
  #admitter: Admitter;
  #timer: NodeJS.Timeout | undefined;

  constructor(now: () => number) {
    this.#now = now;
    this.#admitter = new Admitter((lane) => this.#limitsOf(lane));
  }

  /** What the fleet's admission last said of a lane. */
  learn(lane: string, share: LaneShare): void {
    this.#shares.set(lane, share);
  }

  /** Forgets what happened under the last shares: the fleet's admission knows better now. */
  reset(): void {
    if (this.#waiting.size === 0) this.#admitter = new Admitter((lane) => this.#limitsOf(lane));
  }

  async admit(request: Omit<TicketRequest, "accounts" | "usdMax" | "isAttached">, signal: AbortSignal): Promise<void> {
    const waiting: TicketRequest = { ...request, accounts: [], usdMax: 0, isAttached: true };
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    const onAbort = (): void => {
      this.#waiting.delete(request.ticket);
      this.#admitter.withdraw(waiting);
      reject(signal.reason as Error);
    };
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      this.#waiting.set(request.ticket, resolve);
      this.#admitter.enqueue(waiting, this.#now());
      this.#decide();
      await promise;
    } finally {
      signal.removeEventListener("abort", onAbort);
    }
  }

  settle({ ticket, lane }: { ticket: string; lane: string }, outcome: LaneOutcome): void {
    this.#admitter.settle({ ticket, lane, costUsd: null }, outcome, this.#now());
    this.#decide();
  }

  #decide(): void {
    for (const { request } of this.#admitter.decide(this.#now())) {
      this.#waiting.get(request.ticket)?.();
      this.#waiting.delete(request.ticket);
    }
    clearTimeout(this.#timer);
    const nextMs = this.#admitter.nextMs(this.#now());
    if (nextMs === null) return;
    this.#timer = setTimeout(() => this.#decide(), nextMs - this.#now());
    this.#timer.unref();
  }

  /** A lane of which nothing is known is used by one request at a time. */
  #limitsOf(lane: string): LaneLimits {
    const share = this.#shares.get(lane);
    const part = (whole: number | null | undefined): number | null => (whole == null ? null : whole / share!.holders);
    const most = share === undefined ? 1 : Math.max(1, Math.floor(share.concurrency / share.holders));
    return {
      requestsPerMinute: part(share?.requestsPerMinute),
      inputTokensPerMinute: part(share?.inputTokensPerMinute),
      outputTokensPerMinute: part(share?.outputTokensPerMinute),
      concurrency: { min: 1, start: most, max: most },
    };
  }
}
