import { addUsage, noUsage, sumCost, totalTokens } from "@hindcast/shared";
import type { EndReason, EpisodeLimits, ModelCall, Observation, Trajectory, Usage } from "@hindcast/shared";
import { findLoop } from "./loop-detector.ts";

export interface LimitHit {
  reason: Extract<EndReason, "step-limit" | "token-limit" | "cost-limit" | "time-limit" | "output-limit" | "loop">;
  detail: string;
}

/**
 * Knows what an episode has used, earlier attempts included, and says which limit ends it. It only counts; the wall
 * clock is also enforced from outside, through `timeLeftMs`, because a waiting call cannot look at a counter.
 */
export class LimitGovernor {
  readonly #limits: EpisodeLimits;
  readonly #startedAt = performance.now();
  readonly #earlierMs: number;
  readonly #waitedMs: () => number;
  usage: Usage = noUsage;
  costUsd: number | null = 0;
  outputBytes = 0;

  /**
   * @param inherited steps of earlier attempts that stand.
   * @param waitedMs time of this attempt that is not the episode's.
   */
  constructor(limits: EpisodeLimits, inherited: Trajectory["steps"], waitedMs: () => number = () => 0) {
    this.#limits = limits;
    this.#waitedMs = waitedMs;
    for (const { turn, observed } of inherited) {
      this.addCalls(turn.calls);
      this.outputBytes += bytesOf(observed.observation);
    }
    this.#earlierMs = inherited
      .map(({ timings }) => timings.retrieveMs + timings.actMs + timings.environmentMs)
      .reduce((sum, ms) => sum + ms, 0);
  }

  addCalls(calls: readonly ModelCall[]): void {
    for (const call of calls) {
      this.usage = addUsage(this.usage, call.usage);
      this.costUsd = sumCost([this.costUsd, call.costUsd]);
    }
  }

  get timeLeftMs(): number {
    const spentMs = performance.now() - this.#startedAt - this.#waitedMs();
    return Math.max(0, this.#limits.wallTimeMs - this.#earlierMs - spentMs);
  }

  /** The first limit that is used up, looked at before each step. */
  check(trajectory: Trajectory): LimitHit | null {
    const { stepsMax, tokensMax, costUsdMax, wallTimeMs, outputBytesMax } = this.#limits;
    const loop = findLoop(trajectory.steps);
    if (loop !== null) return { reason: "loop", detail: loop };
    if (trajectory.steps.length >= stepsMax) return { reason: "step-limit", detail: `${stepsMax} steps were taken` };
    if (totalTokens(this.usage) >= tokensMax) {
      return { reason: "token-limit", detail: `${totalTokens(this.usage)} of ${tokensMax} tokens were used` };
    }
    if (costUsdMax !== null && this.costUsd !== null && this.costUsd >= costUsdMax) {
      return { reason: "cost-limit", detail: `$${this.costUsd.toFixed(4)} of $${costUsdMax} were spent` };
    }
    if (this.outputBytes >= outputBytesMax) {
      return { reason: "output-limit", detail: `${this.outputBytes} of ${outputBytesMax} bytes were printed` };
    }
    if (this.timeLeftMs === 0) return { reason: "time-limit", detail: `${wallTimeMs} ms have passed` };
    return null;
  }
}

/** What the world printed, shown or not; a notice is Hindcast's own. */
function bytesOf(observation: Observation): number {
  return observation.kind === "notice" ? 0 : Buffer.byteLength(observation.text) + observation.omittedBytes;
}
