// Waits until a page has come to rest after an action: its document loaded, its requests answered, its elements still.
// What never rests (polling, animations, a server that does not answer) is cut off by caps, so that a step ends.
import { setTimeout as delay } from "node:timers/promises";
import { limits } from "@hindcast/shared";
import type { BrowserContext, Page, Request } from "playwright-core";
import { PageUnresponsive, within } from "./within.ts";

/** Nothing is under way for so long: a click's navigation or a script's request has begun by then, if there is one. */
const quietMs = 40;
const lookEveryMs = 10;
/** Documents that replace each other without end are looked at as they are. */
const roundsMax = 5;

/**
 * Resolves once frames are drawn and no element has changed for `quietMs`, at the latest after `browserRestMsMax`. Until
 * it has drawn its first frame, Chromium drops the input that a page gets.
 */
const stillScript = `new Promise((resolve) => {
  const done = () => { observer.disconnect(); clearTimeout(last); clearTimeout(timer); resolve(); };
  const wait = () => { clearTimeout(timer); timer = setTimeout(done, ${quietMs}); };
  const observer = new MutationObserver(wait);
  const last = setTimeout(done, ${limits.browserRestMsMax});
  let timer;
  observer.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  requestAnimationFrame(() => requestAnimationFrame(wait));
})`;

export class PageRest {
  readonly #underWay = new Map<Request, Page>();

  follow(context: BrowserContext): void {
    const over = (request: Request): void => void this.#underWay.delete(request);
    context.on("request", (request) => {
      const page = pageOf(request);
      if (page !== null && !["websocket", "eventsource", "ping"].includes(request.resourceType())) {
        this.#underWay.set(request, page);
      }
    });
    context.on("requestfinished", over);
    context.on("requestfailed", over);
  }

  /** @returns whether the page's document had loaded in time. @throws PageUnresponsive, and the signal's reason */
  async wait(page: Page, loadMsMax: number, signal: AbortSignal): Promise<boolean> {
    const loadUntil = performance.now() + loadMsMax;
    for (let round = 0; round < roundsMax && !page.isClosed(); round += 1) {
      await this.#quiet(page, loadUntil, signal);
      const isLoaded = await page
        .waitForLoadState("load", { timeout: Math.max(1, loadUntil - performance.now()) })
        .then(() => true)
        // The only thing that it says is that the time is up, or that the page is gone.
        .catch(() => page.isClosed());
      signal.throwIfAborted();
      if (!isLoaded) return false;
      if (await isStill(page)) break;
    }
    return true;
  }

  /** Until nothing of the page has been under way for a moment. */
  async #quiet(page: Page, loadUntil: number, signal: AbortSignal): Promise<void> {
    let quietSince = performance.now();
    let restUntil = quietSince + limits.browserRestMsMax;
    while (performance.now() - quietSince < quietMs && performance.now() < loadUntil && !page.isClosed()) {
      await delay(lookEveryMs, undefined, { signal });
      const { isLoading, isBusy } = this.#activityOf(page);
      if (isLoading) restUntil = performance.now() + limits.browserRestMsMax;
      if (isLoading || (isBusy && performance.now() < restUntil)) quietSince = performance.now();
    }
  }

  #activityOf(page: Page): { isLoading: boolean; isBusy: boolean } {
    let isBusy = false;
    for (const [request, owner] of this.#underWay) {
      if (owner !== page) continue;
      if (request.isNavigationRequest() && request.frame() === page.mainFrame())
        return { isLoading: true, isBusy: true };
      isBusy = true;
    }
    return { isLoading: false, isBusy };
  }
}

/** False where the document was replaced meanwhile: then there is another one to wait for. */
async function isStill(page: Page): Promise<boolean> {
  try {
    await within(limits.browserAnswerMsMax, page.evaluate(stillScript), "coming to rest");
    return true;
  } catch (error) {
    if (error instanceof PageUnresponsive) throw error;
    return false;
  }
}

function pageOf(request: Request): Page | null {
  try {
    return request.frame().page();
  } catch {
    // Requests of service workers, and of pages that are still being made, have no frame.
    return null;
  }
}
