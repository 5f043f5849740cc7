import { setTimeout as delay } from "node:timers/promises";
import { HindcastError } from "../../errors.ts";
import { retryDelayMs } from "./patience.ts";

/** Each try that is lost to another's write is a write that went through; so many in a row are a fault. */
const triesMax = 50;
const delayMsMax = 500;

/**
 * Makes a change that reads, decides and writes on condition that nothing was written in between: again from the start
 * for as long as something was.
 * @throws BUS_CONFLICT after `triesMax` tries; whatever else `attempt` throws
 */
export async function compareAndSet<T>(attempt: () => Promise<T>): Promise<T> {
  for (let tries = 1; ; tries += 1) {
    try {
      return await attempt();
    } catch (error) {
      const isCrossed = error instanceof HindcastError && error.code === "BUS_CONFLICT";
      if (!isCrossed || tries === triesMax) throw error;
      await delay(retryDelayMs(tries, delayMsMax));
    }
  }
}
