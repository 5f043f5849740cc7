// MiniWoB++: what a page of the benchmark tells of itself, and how that is scored. The pages are those of the Python
// package `miniwob`: `pip download miniwob==1.1.0 --no-deps && unzip miniwob-*.whl 'miniwob/html/*'`.
import { z } from "zod";

/** The host under which the agent serves the pages to the browser. It exists nowhere else. */
export const miniWobOrigin = "http://miniwob.test";

export const miniWobDefaults = {
  stepsMax: 10,
  viewport: { width: 332, height: 214 },
  /** Seeds per task in published results. */
  seeds: 5,
} as const;

export function miniWobUrl(task: string): string {
  return `${miniWobOrigin}/miniwob/${task}.html`;
}

/** What the page's globals say. */
export const MiniWobStatus = z.strictObject({
  isDone: z.boolean(),
  /** Before the discount for time: -1 to 1. */
  rawReward: z.number(),
  /** With it. */
  reward: z.number(),
  reason: z.string().nullable(),
});
export type MiniWobStatus = z.infer<typeof MiniWobStatus>;

/** `getUtterance` gives text, or an object that holds it. */
export const MiniWobUtterance = z
  .union([z.string(), z.looseObject({ utterance: z.string() }).transform(({ utterance }) => utterance)])
  .pipe(z.string().trim().min(1));

/** 1 for a task that was done and rewarded, however long it took; 0 else. */
export function miniWobScore({ isDone, rawReward }: MiniWobStatus): 0 | 1 {
  return isDone && rawReward > 0 ? 1 : 0;
}
