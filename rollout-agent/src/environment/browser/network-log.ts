// What the browser exchanged with sites, as HTTP Archive entries, in the order in which exchanges ended.
import { limits } from "@hindcast/shared";
import { type HarEntry, harEntry } from "@hindcast/shared/node";
import type { BrowserContext, Request } from "playwright-core";
import { gateHeader, type GateRefusal } from "./egress-gate.ts";
import { within } from "./within.ts";

/** Bodies of these are kept; scripts, styles and pictures are not what is looked for later. */
const textTypes = /^(?:text\/(?:html|plain|xml)|application\/(?:[\w.+-]*json|xml|xhtml\+xml|x-www-form-urlencoded))/i;

export class NetworkLog {
  readonly #all: HarEntry[] = [];
  #recent: HarEntry[] = [];
  /** Since the last call of `takeRecent`: beyond the cap, or of pages that were gone before they were read. */
  #missing = 0;
  /** Of the whole episode: what `entries` lacks. */
  #missingEver = 0;
  readonly #pending = new Set<Promise<void>>();
  /** A page (not something on a page) that the gate kept from loading: its address, and why. */
  onRefused: (url: string, why: GateRefusal) => void = () => undefined;

  follow(context: BrowserContext): void {
    context.on("requestfinished", (request) => this.#add(request));
    context.on("requestfailed", (request) => this.#add(request));
  }

  /** All entries since the browser started. */
  get entries(): readonly HarEntry[] {
    return this.#all;
  }

  /** Exchanges that `entries` lacks: beyond a cap, of pages that were gone too early, or still being read. */
  get missing(): number {
    return this.#missingEver + this.#pending.size;
  }

  /** An earlier browser of the episode had these. */
  lack(count: number): void {
    this.#missingEver += count;
  }

  /**
   * Waits for exchanges that have ended and are still being read; one that takes too long comes with a later step.
   * @returns how many `entries` lacks of all that have ended until now; what ends meanwhile is not counted
   */
  async settle(): Promise<number> {
    const reading = [...this.#pending];
    await within(limits.browserAnswerMsMax, Promise.all(reading), "reading the exchanges").catch(() => undefined);
    return this.#missingEver + reading.filter((each) => this.#pending.has(each)).length;
  }

  /** What ended since the last call, and how many exchanges of that time could not be kept. */
  takeRecent(): { entries: HarEntry[]; missing: number } {
    const taken = { entries: this.#recent, missing: this.#missing };
    this.#recent = [];
    this.#missing = 0;
    return taken;
  }

  #add(request: Request): void {
    const url = request.url();
    if (!/^https?:/.test(url)) return;
    if (this.#recent.length + this.#pending.size >= limits.browserExchangesMax) {
      this.#lose();
      return;
    }
    const reading = this.#read(request)
      // The page may be gone before its exchange was read.
      .catch(() => this.#lose())
      .finally(() => this.#pending.delete(reading));
    this.#pending.add(reading);
  }

  async #read(request: Request): Promise<void> {
    const timing = request.timing();
    const response = await request.response();
    const headers = response === null ? [] : await response.headersArray();
    const refusal = headers.find(({ name }) => name.toLowerCase() === gateHeader)?.value;
    if (refusal === "denied" || refusal === "unreachable") {
      if (request.isNavigationRequest() && request.frame().parentFrame() === null)
        this.onRefused(request.url(), refusal);
      return;
    }
    const type = headers.find(({ name }) => name.toLowerCase() === "content-type")?.value ?? "";
    const body = response === null || !textTypes.test(type) ? null : await response.body().catch(() => null);
    const entry = harEntry({
      startedAt: new Date(timing.startTime),
      durationMs: Math.max(0, timing.responseEnd),
      method: request.method(),
      url: request.url(),
      requestHeaders: Object.entries(await request.allHeaders()).map(([name, value]) => ({ name, value })),
      postData: request.postData(),
      response: response && {
        status: response.status(),
        statusText: response.statusText(),
        headers,
        size: body?.byteLength ?? -1,
        text: body === null || body.byteLength > limits.browserBodyBytesMax ? null : body.toString("utf8"),
      },
    });
    this.#recent.push(entry);
    if (this.#all.length < limits.browserExchangesKeptMax) this.#all.push(entry);
    else this.#missingEver += 1;
  }

  #lose(): void {
    this.#missing += 1;
    this.#missingEver += 1;
  }
}
