// A browser after its episode, as evaluators see it: the page that it stopped on, further pages of the task's sites, and
// what was exchanged until then.
import { HindcastError, limits } from "@hindcast/shared";
import { type HarEntry, harText } from "@hindcast/shared/node";
import type { BrowserSession } from "./browser-session.ts";
import { within } from "./within.ts";

export class EndedBrowser {
  readonly #session: BrowserSession;
  readonly #exchanges: readonly HarEntry[];
  readonly #missing: number;

  private constructor(session: BrowserSession, missing: number) {
    this.#session = session;
    // What evaluators look at is no part of the episode.
    this.#exchanges = [...session.exchanges];
    this.#missing = missing;
  }

  /** What the last action brought about may still be read when the episode is over. */
  static async after(session: BrowserSession): Promise<EndedBrowser> {
    return new EndedBrowser(session, await session.settleExchanges());
  }

  /** Of the page in front. */
  url(): string {
    return this.#session.tabs.front.url();
  }

  /** Of all tabs, in their order. */
  urls(): string[] {
    return this.#session.tabs.pages.map((page) => page.url());
  }

  /** The source of the page in front, as it is now. */
  async content(signal: AbortSignal): Promise<string> {
    signal.throwIfAborted();
    return await within(limits.browserAnswerMsMax, this.#session.tabs.front.content(), "the page's source");
  }

  /** The JSON value of an expression in the page in front; rejects where it throws. */
  async evaluate(expression: string, signal: AbortSignal): Promise<unknown> {
    signal.throwIfAborted();
    const answer = this.#session.tabs.front.evaluate<unknown>(expression);
    try {
      return await within(limits.browserAnswerMsMax, answer, "the page's answer");
    } catch (error) {
      // Where the browser has died it is not the page's doing: nothing is known of it.
      this.#session.assertAlive(error);
      throw error;
    }
  }

  /**
   * Resolves when the page has loaded and rests.
   * @throws ENVIRONMENT_UNAVAILABLE where it cannot be had; retryable where its site is away, which says nothing of the page
   */
  async goto(url: string, signal: AbortSignal): Promise<void> {
    const problem = await this.#session.lookAt(url, signal);
    if (problem === null) return;
    throw new HindcastError({ code: "ENVIRONMENT_UNAVAILABLE", boundary: "environment", message: problem });
  }

  /** What was exchanged during the episode, as HTTP Archive that says what it lacks; null where nothing was. */
  har(): Uint8Array | null {
    if (this.#exchanges.length + this.#missing === 0) return null;
    return Buffer.from(harText(this.#exchanges, limits.browserHarCharsMax, this.#missing));
  }
}
