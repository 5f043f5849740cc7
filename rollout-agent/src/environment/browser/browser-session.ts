// A browser at work: performs commands in its tabs and shows what is there. It knows pages; episodes, limits of steps and
// snapshots are the environment's.
import {
  type BrowserSpec,
  type EpisodeLimits,
  HindcastError,
  limits,
  messageOf,
  type StorageState,
} from "@hindcast/shared";
import {
  actionSets,
  type BrowserCommand,
  type FrameSnapshot,
  type HarEntry,
  harText,
  NodeNumbers,
  pageText,
  pageTree,
  type TreeLine,
  treeLines,
} from "@hindcast/shared/node";
import type { Page } from "playwright-core";
import { BrowserProcess, type BrowserProcessOptions } from "./browser-process.ts";
import { captureFrames } from "./capture.ts";
import { PageElement } from "./element.ts";
import type { GateRefusal } from "./egress-gate.ts";
import { NetworkLog } from "./network-log.ts";
import { PageRest } from "./page-rest.ts";
import { stateHashOf } from "./page-state.ts";
import { perform, type Performer, visit } from "./perform.ts";
import { marksOf, screenshot } from "./screenshot.ts";
import { Tabs } from "./tabs.ts";
import { PageUnresponsive, within } from "./within.ts";
import type { EnvironmentState } from "../environment.ts";
import { leaveVisits } from "../../sites/visits.ts";

/** A browser that has not told its sites within that is closed all the same. */
const leaveMsMax = 2_000;

export interface BrowserSessionOptions extends BrowserProcessOptions {
  limits: EpisodeLimits;
}

type Seen = Pick<EnvironmentState, "observation" | "stateHash"> & {
  artifacts: NonNullable<EnvironmentState["artifacts"]>;
};

export class BrowserSession implements AsyncDisposable {
  readonly tabs: Tabs;
  readonly #process: BrowserProcess;
  readonly #spec: BrowserSpec;
  readonly #numbers: NodeNumbers;
  readonly #network = new NetworkLog();
  readonly #rest = new PageRest();
  readonly #loadMsMax: number;
  readonly #bytesMax: number;
  /** Documents of the page that was shown last. */
  #documents: ReadonlySet<string> = new Set();
  #refused: { url: string; why: GateRefusal } | null = null;

  private constructor(process: BrowserProcess, { spec, limits: episode }: BrowserSessionOptions) {
    this.#process = process;
    this.#spec = spec;
    this.#numbers = new NodeNumbers(spec.actions);
    this.#loadMsMax = Math.min(limits.browserLoadMsMax, episode.stepTimeMs / 2);
    this.#bytesMax = episode.observationBytesMax;
    this.tabs = new Tabs(process.context);
    this.#rest.follow(process.context);
    this.#network.follow(process.context);
    this.#network.onRefused = (url, why) => {
      this.#refused = { url, why };
    };
  }

  static async start(options: BrowserSessionOptions): Promise<BrowserSession> {
    return new BrowserSession(await BrowserProcess.start(options), options);
  }

  /** All that was exchanged with sites so far. */
  get exchanges(): readonly HarEntry[] {
    return this.#network.entries;
  }

  /**
   * Opens addresses, a tab each, the first in front.
   * @param isStart whether a site's own error is a start that cannot be had; a policy may have stood on one
   * @throws ENVIRONMENT_SETUP_FAILED where one cannot be had
   */
  async open(urls: readonly string[], signal: AbortSignal, isStart = true): Promise<void> {
    await this.#alive(async () => {
      for (const url of urls) {
        const page = await this.tabs.open();
        if (page === null) break;
        // To start is no step: it may take as long as any page may.
        const loadMsMax = limits.browserLoadMsMax;
        const problem = await visit(page, url, { loadMsMax, signal, isStart });
        const isLoaded = problem === null && (await this.#rest.wait(page, loadMsMax, signal));
        await this.#network.settle();
        if (this.#refused !== null || !isLoaded) throw unreachable(url, this.#refused === null ? problem : null);
      }
      await this.tabs.focus(0);
      this.tabs.takeNotes();
    });
  }

  /** An earlier browser of the episode had these, and `exchanges` lacks them. */
  lackExchanges(count: number): void {
    this.#network.lack(count);
  }

  /** Waits for what has been exchanged until now. @returns how many exchanges of it `exchanges` lacks */
  async settleExchanges(): Promise<number> {
    return await this.#network.settle();
  }

  /** How many exchanges `exchanges` lacks. */
  get exchangesMissing(): number {
    return this.#network.missing;
  }

  /**
   * Performs a command and waits until the page rests.
   * @returns what went wrong, a sentence each.
   * @throws SANDBOX_LOST, SANDBOX_FULL, ENVIRONMENT_UNAVAILABLE (a site of the task is away), and the signal's reason
   */
  async perform(command: BrowserCommand, signal: AbortSignal): Promise<string[]> {
    return await this.#alive(async () => {
      const problem = await this.#withAnswer(() => perform(command, this.#performer(signal)), signal);
      await this.#network.settle();
      const refused = this.#takeRefused();
      const denied = refused === null ? [] : [this.#outside(refused)];
      return [...(problem === null ? [] : [problem]), ...denied, ...this.tabs.takeNotes()];
    });
  }

  /** The page that the gate kept from loading, since the last time. @throws ENVIRONMENT_UNAVAILABLE where its site is away */
  #takeRefused(): string | null {
    if (this.#refused?.why === "unreachable") throw away(this.#refused.url);
    const url = this.#refused?.url ?? null;
    this.#refused = null;
    return url;
  }

  /**
   * Goes to a page for whoever judges it: what has happened since the last step, or happens on the way, is no reason
   * not to look.
   * @returns why it cannot be looked at, or null
   * @throws as `perform`
   */
  async lookAt(url: string, signal: AbortSignal): Promise<string | null> {
    this.#refused = null;
    return await this.#alive(async () => {
      const page = this.tabs.front;
      const problem = await this.#withAnswer(() => perform({ do: "goto", url }, this.#performer(signal)), signal);
      await this.#network.settle();
      const refused = this.#takeRefused();
      this.tabs.takeNotes();
      const place = this.tabs.pages.indexOf(page);
      if (place < 0) return "The page did not answer.";
      // A tab that opened meanwhile is not what is judged.
      await this.tabs.focus(place);
      return problem ?? (refused === null ? null : this.#outside(refused));
    });
  }

  /** What the policy sees now. `problems` go into the observation's error; A screenshot costs time. */
  async observe(
    { goal, problems, withArtifacts }: { goal: string | null; problems: readonly string[]; withArtifacts: boolean },
    signal: AbortSignal,
  ): Promise<Seen> {
    return await this.#alive(async () => {
      const said = [...problems];
      const shown = await this.#tree(said, signal);
      const tabs = await Promise.all(
        this.tabs.pages.map(async (page, index) => ({
          title: await titleOf(page),
          isCurrent: index === this.tabs.frontIndex,
        })),
      );
      const { text, omittedBytes, linesShown } = pageText({
        goal,
        tabs,
        lines: shown.map((line) => line.text),
        tokensMax: this.#spec.observationTokensMax,
        bytesMax: this.#bytesMax,
      });
      const title = tabs[this.tabs.frontIndex]?.title ?? "";
      const error = said.length === 0 ? null : said.join(" ");
      const url = this.tabs.front.url();
      const stateHash = await stateHashOf(this.#process.context, this.tabs);
      // Of what is only looked at nothing is kept, and it takes no room from the steps that follow.
      if (!withArtifacts) this.#network.takeRecent();
      const artifacts = withArtifacts ? await this.#artifacts(shown.slice(0, linesShown)) : [];
      return { observation: { kind: "page", text, url, title, error, omittedBytes }, stateHash, artifacts };
    });
  }

  async storageState(): Promise<StorageState> {
    return await this.#alive(() => this.#process.context.storageState());
  }

  get isAlive(): boolean {
    return this.#process.isAlive;
  }

  /** @throws SANDBOX_LOST, SANDBOX_FULL */
  assertAlive(cause?: unknown): void {
    if (!this.isAlive) throw this.#gone(cause);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // A browser that has died or hangs does not say so.
    await within(leaveMsMax, leaveVisits(this.#process.context), "leaving").catch(() => undefined);
    await this.#process[Symbol.asyncDispose]();
  }

  /** Runs what a page may keep from ending, then waits for the page; one that does not answer is replaced. */
  async #withAnswer(work: () => Promise<string | null>, signal: AbortSignal): Promise<string | null> {
    let problem: string | null = null;
    try {
      problem = await work();
      await this.tabs.settle();
      const isLoaded = await this.#rest.wait(this.tabs.front, this.#loadMsMax, signal);
      if (!isLoaded) this.tabs.note(`The page was still loading after ${this.#loadMsMax} ms; this is what was there.`);
      await this.tabs.settle();
    } catch (error) {
      signal.throwIfAborted();
      await this.#recover(error);
    }
    return problem;
  }

  async #recover(error: unknown): Promise<void> {
    if (!this.isAlive) throw error;
    if (error instanceof PageUnresponsive) {
      this.tabs.note("The page did not answer any more and was replaced by a blank one.");
      await this.tabs.replaceFront();
      await this.tabs.settle();
      return;
    }
    // Closed, crashed or replaced in the middle of the action: the page's own doing.
    const isPageGone = /closed|crashed|destroyed|detached|navigat/i.test(messageOf(error));
    if (!isPageGone) throw error;
    await this.tabs.settle();
  }

  async #tree(said: string[], signal: AbortSignal): Promise<TreeLine[]> {
    try {
      const page = this.tabs.front;
      if (page.url().startsWith("chrome-error:")) return [];
      const session = await within(limits.browserAnswerMsMax, this.tabs.session(page), "the page");
      const frames = await within(limits.browserAnswerMsMax, captureFrames(session), "the accessibility tree");
      this.#documents = new Set(keysOf(frames));
      const root = pageTree(frames, this.#spec.scope === "viewport" ? this.#spec.viewport : null, {
        withFoldedOptions: this.#spec.actions === "browsergym",
      });
      if (root === null) return [];
      return treeLines(root, this.#spec.actions, ({ frame, ax }) => this.#numbers.idOf(frame, ax, frame === frames));
    } catch (error) {
      signal.throwIfAborted();
      await this.#recover(error);
      said.push(...this.tabs.takeNotes());
      this.#documents = new Set();
      return [];
    }
  }

  async #artifacts(shown: readonly TreeLine[]): Promise<Seen["artifacts"]> {
    const { entries, missing } = this.#network.takeRecent();
    const { screenshots } = this.#spec;
    const marks = screenshots === "marks" ? marksOf(shown) : [];
    const picture = screenshots === "none" ? null : await screenshot(this.tabs.front, marks);
    return [
      ...(picture === null ? [] : [{ name: "screenshot.png", mediaType: "image/png", bytes: picture }]),
      ...(entries.length + missing === 0
        ? []
        : [
            {
              name: "network.har",
              mediaType: "application/json",
              bytes: Buffer.from(harText(entries, limits.browserHarCharsMax, missing)),
            },
          ]),
    ];
  }

  #performer(signal: AbortSignal): Performer {
    return {
      tabs: this.tabs,
      loadMsMax: this.#loadMsMax,
      signal,
      refusal: (url) => {
        if (url === "about:blank" || this.#process.gate.isAllowed(url)) return null;
        return URL.canParse(url) ? this.#outside(url) : `${url.slice(0, 200)} is no URL such as http://host/path.`;
      },
      element: async (id) => {
        const reference = this.#numbers.nodeOf(id);
        if (reference === null) return `There is no element [${id.slice(0, 20)}]; ids are those of the observation.`;
        if (!this.#documents.has(reference.frame))
          return `The element [${id}] belongs to a page that is not shown now.`;
        return new PageElement(await this.tabs.session(this.tabs.front), id, reference);
      },
    };
  }

  #outside(url: string): string {
    const sites = this.#process.gate.origins.slice(0, 5).join(", ");
    return `${url.slice(0, 200)} is outside of the task's sites (${sites}).`;
  }

  /** Whatever fails after the browser has died failed because of that, and may work in another one. */
  async #alive<T>(work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      if (this.isAlive || error instanceof HindcastError) throw error;
      throw this.#gone(error);
    }
  }

  #gone(cause: unknown): HindcastError {
    const { excess } = this.#process;
    return excess === null ? gone(cause) : full(excess, cause);
  }
}

/** What a world tells of its actions, for prompts. */
export function actionsDescription({ actions }: BrowserSpec): string {
  const { forms, example } = actionSets[actions];
  return [`The actions, for example ${example}:`, ...forms.map((form) => `- ${form}`)].join("\n");
}

function* keysOf(frame: FrameSnapshot): Generator<string> {
  yield frame.key;
  for (const child of frame.children.values()) yield* keysOf(child);
}

async function titleOf(page: Page): Promise<string> {
  try {
    return await within(limits.browserAnswerMsMax, page.title(), "the title");
  } catch {
    // A page that hangs or navigates just now has none to show.
    return "";
  }
}

function gone(cause: unknown): HindcastError {
  const message = "the browser is gone: it crashed or was killed";
  return new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message, retryable: true, cause });
}

/** Doing again what the episode did would come to the same, so nobody tries. */
function full(excess: string, cause: unknown): HindcastError {
  const message =
    `the browser was ended: ${excess}, which is the episode's limit and what a browser takes for itself; ` +
    "raise campaign.limits.memoryBytesMax or processesMax where the task's pages need more";
  return new HindcastError({ code: "SANDBOX_FULL", boundary: "sandbox", message, cause });
}

function unreachable(url: string, problem: string | null): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `the start page ${url} cannot be had${problem === null ? "" : ` (${problem})`}: is its site running?`,
  });
}

function away(url: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_UNAVAILABLE",
    boundary: "environment",
    message: `${url}: the site does not answer; it is one of the task's, so this is no mistake of the policy's`,
    retryable: true,
  });
}
