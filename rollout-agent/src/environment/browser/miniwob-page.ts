// Plays a MiniWoB++ page as its Python package does: one episode with a seed, no clock that runs out, nothing on the page
// that is there for people who watch.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, limits } from "@hindcast/shared";
import { MiniWobStatus, MiniWobUtterance } from "@hindcast/shared/node";
import type { Page } from "playwright-core";
import { z } from "zod";
import { within } from "./within.ts";

/** Rewards sink with time and an episode ends with it; this is long enough for neither to happen. */
const episodeMs = 1_000_000_000;
/** Marks the page that we started: another one, or this one loaded again, is another episode and earns nothing. */
const ours = "hindcastEpisode";

/** What is there for onlookers stays, because the page's own scripts write to it, but nobody sees it. */
const hidden = "#reward-display, #click-canvas, #sync-task-cover { display: none !important; }";

const startScript = (seed: number): string => `(() => {
  Math.seedrandom(${seed});
  core.EPISODE_MAX_TIME = ${episodeMs};
  core.startEpisodeReal();
  core.clearTimer();
  document.body.removeEventListener("click", core.canvasDrawClick);
  document.head.append(Object.assign(document.createElement("style"), { textContent: ${JSON.stringify(hidden)} }));
  window.${ours} = true;
})()`;

const statusScript = `({
  isOurs: window.${ours} === true,
  isDone: window.WOB_DONE_GLOBAL === true,
  rawReward: Number(window.WOB_RAW_REWARD_GLOBAL ?? 0),
  reward: Number(window.WOB_REWARD_GLOBAL ?? 0),
  reason: window.WOB_REWARD_REASON == null ? null : String(window.WOB_REWARD_REASON),
})`;

const Answer = MiniWobStatus.extend({ isOurs: z.boolean() });

/** What is missing for `task` to be played from `folder`, with the remedy, or null. */
export function miniWobProblem(folder: string | null, task: string): string | null {
  const remedy =
    "get the pages with \"pip download miniwob==1.1.0 --no-deps && unzip miniwob-*.whl 'miniwob/html/*'\" and set " +
    "HINDCAST_MINIWOB_FOLDER to that miniwob/html";
  if (folder === null) return `MiniWoB's pages are not configured: ${remedy}.`;
  if (!existsSync(join(folder, "miniwob"))) return `${folder} holds no MiniWoB pages: ${remedy}.`;
  const page = join(folder, "miniwob", `${task}.html`);
  return existsSync(page) ? null : `MiniWoB has no task ${task}: ${page} does not exist.`;
}

/** Begins the episode. @returns its goal. @throws ENVIRONMENT_SETUP_FAILED where the page is none of MiniWoB's */
export async function startMiniWob(page: Page, seed: number): Promise<string> {
  try {
    await ask(page, startScript(seed));
    await page.waitForFunction("window.WOB_TASK_READY !== false", undefined, { timeout: limits.browserAnswerMsMax });
    return MiniWobUtterance.parse(await ask(page, "core.getUtterance()"));
  } catch (error) {
    throw new HindcastError({
      code: "ENVIRONMENT_SETUP_FAILED",
      boundary: "environment",
      message: `the MiniWoB page ${page.url()} could not be started with seed ${seed}: ${String(error).slice(0, 500)}`,
      cause: error,
    });
  }
}

/** Null where the page is not the task's any more. */
export async function miniWobStatus(page: Page): Promise<MiniWobStatus | null> {
  try {
    const { isOurs, ...status } = Answer.parse(await ask(page, statusScript));
    return isOurs ? status : null;
  } catch {
    // The policy went elsewhere, or the page does not answer: it has given no reward.
    return null;
  }
}

function ask(page: Page, script: string): Promise<unknown> {
  return within(limits.browserAnswerMsMax, page.evaluate<unknown>(script), "the MiniWoB page");
}
