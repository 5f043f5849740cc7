import { setTimeout as delay } from "node:timers/promises";

/** A page that does not answer: its scripts run for ever, or it is gone. */
export class PageUnresponsive extends Error {}

/** What `work` gives, or, after `ms`, PageUnresponsive. `work` itself cannot be stopped and is left alone. */
export async function within<T>(ms: number, work: Promise<T>, what: string): Promise<T> {
  const timer = new AbortController();
  const late = delay(ms, undefined, { signal: timer.signal }).then(() => {
    throw new PageUnresponsive(`${what} took longer than ${ms} ms`);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    timer.abort();
    // Whichever lost the race still ends, and nobody waits for it.
    late.catch(() => undefined);
    work.catch(() => undefined);
  }
}
