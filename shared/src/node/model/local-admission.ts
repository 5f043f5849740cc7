// Admission within one process: waits while a lane is known to be closed, and knows of no budget.
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { Admission, AdmissionRequest, Ticket } from "./admission.ts";
import type { Clock } from "./attempts.ts";
import { failureRules } from "./driver.ts";
import type { Lanes } from "./lanes.ts";

/** After a told wait, callers of a lane spread over this long, so that they do not all come at once. */
const stampedeSpreadMs = 1_000;

export class LocalAdmission implements Admission {
  readonly isPausing = false;
  readonly #lanes: Lanes;
  readonly #clock: Clock;
  readonly #random: () => number;

  constructor(lanes: Lanes, clock: Clock, random: () => number) {
    this.#lanes = lanes;
    this.#clock = clock;
    this.#random = random;
  }

  /** A lane that stays closed longer than one wait may take is an error, not a stall. */
  async admit({ model, lane: name, inputTokens }: AdmissionRequest, signal: AbortSignal): Promise<Ticket> {
    signal.throwIfAborted();
    const lane = this.#lanes.of(name);
    const need = { requests: 1, tokens: inputTokens };
    let waitedMs = 0;
    for (let wait = lane.waitMs(need, this.#clock.now()); wait > 0; wait = lane.waitMs(need, this.#clock.now())) {
      if (waitedMs + wait > limits.modelRetryDelayMsMax + stampedeSpreadMs) {
        throw new HindcastError({
          code: "MODEL_RATE_LIMITED",
          boundary: "model",
          message: `${model} is rate-limited for another ${Math.ceil(wait / 1_000)} s. ${failureRules["rate-limited"].remedy}`,
          retryable: true,
        });
      }
      // Whole milliseconds: fractions would add up to a wait that is longer or shorter than was told.
      const delay = wait + Math.floor(this.#random() * Math.min(stampedeSpreadMs, wait));
      await this.#clock.sleep(delay, signal);
      waitedMs += delay;
    }
    return {
      settle: ({ kind, buckets, retryAfterMs }) => {
        lane.learn(buckets);
        if (kind !== "answered" && retryAfterMs !== null) lane.closeUntil(this.#clock.now() + retryAfterMs);
      },
    };
  }
}
