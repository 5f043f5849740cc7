// Waits that a draining worker must win. The signal outlives thousands of them, so each takes its listener away again.
import { setTimeout as delay } from "node:timers/promises";

/** Resolves after `ms`, or as soon as the signal aborts. */
export async function pause(ms: number, signal: AbortSignal): Promise<void> {
  await delay(ms, undefined, { signal }).catch(() => undefined);
}

/** Resolves with the first of `work`, none of which may reject, or as soon as the signal aborts. */
export async function firstOf(work: Iterable<Promise<void>>, signal: AbortSignal): Promise<void> {
  if (signal.aborted) return;
  const { promise: aborted, resolve } = Promise.withResolvers<void>();
  const onAbort = (): void => resolve();
  signal.addEventListener("abort", onAbort, { once: true });
  try {
    await Promise.race([...work, aborted]);
  } finally {
    signal.removeEventListener("abort", onAbort);
  }
}
