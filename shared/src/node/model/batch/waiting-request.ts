import type { CampaignId } from "../../../domain/ids.ts";
import type { Completion, CompletionRequest } from "../model.ts";

/** A request whose answer somebody in this process waits for, whichever batch it is in. */
export class WaitingRequest {
  readonly hash: string;
  readonly request: CompletionRequest;
  readonly bytes: number;
  /** The most that it can cost in a batch; null: its price is unknown. */
  readonly usdMax: number | null;
  /** Batches that it has been through without an answer. */
  tries = 0;
  /** Whether it is asked on its own, at the full price, once its tries are used up. */
  hasFallback = false;
  readonly #outcome = Promise.withResolvers<Completion>();
  readonly #left = new AbortController();
  #waiting = 0;

  constructor(hash: string, request: CompletionRequest, usdMax: number | null) {
    this.hash = hash;
    this.request = request;
    this.usdMax = usdMax;
    this.bytes = Buffer.byteLength(JSON.stringify(request));
    // Settled as a failure with nobody left to hear it: that is no crash.
    this.#outcome.promise.catch(() => undefined);
  }

  /** On whose account it is bought: that of the first who asked. */
  get campaignId(): CampaignId | null {
    return this.request.account?.campaignId ?? null;
  }

  /** Aborts when the last one who waited has left. */
  get left(): AbortSignal {
    return this.#left.signal;
  }

  settle(completion: Completion): void {
    this.#outcome.resolve(completion);
  }

  fail(error: unknown): void {
    this.#outcome.reject(error);
  }

  /** Waits; who aborts leaves alone. */
  async join(signal: AbortSignal): Promise<Completion> {
    this.#waiting += 1;
    const { promise: leaving, reject } = Promise.withResolvers<never>();
    const leave = (): void => reject(signal.reason);
    signal.addEventListener("abort", leave, { once: true });
    try {
      return await Promise.race([this.#outcome.promise, leaving]);
    } finally {
      signal.removeEventListener("abort", leave);
      this.#waiting -= 1;
      if (this.#waiting === 0) this.#left.abort(new Error("nobody waits for this request any more"));
    }
  }
}
