// The world of a browser: pages as observations, one call of an action language as action. A snapshot is the list of what
// was done; a fresh browser that does it again stands where the first one stood.
import {
  type Action,
  type BrowserSpec,
  type Evaluation,
  HindcastError,
  type PageObservation,
  StorageState,
} from "@hindcast/shared";
import {
  type ActionProblem,
  actionSets,
  earlyStopReason,
  miniWobDefaults,
  miniWobScore,
  type MiniWobStatus,
  miniWobUrl,
  type ParsedAction,
  type TakenAction,
} from "@hindcast/shared/node";
import { z } from "zod";
import type {
  Environment,
  EnvironmentOptions,
  EnvironmentState,
  EnvironmentStep,
  EvaluationRequest,
} from "../environment.ts";
import type { BrowserPrograms } from "./browser-sandbox.ts";
import { actionsDescription, BrowserSession } from "./browser-session.ts";
import { EndedBrowser } from "./ended-browser.ts";
import { miniWobProblem, miniWobStatus, startMiniWob } from "./miniwob-page.ts";

/** Judges references of its own kind. @returns null for one of another kind */
export type BrowserEvaluator = (
  request: EvaluationRequest,
  browser: EndedBrowser,
  signal: AbortSignal,
) => Promise<Evaluation | null>;

export interface BrowserEnvironmentOptions extends EnvironmentOptions {
  spec: BrowserSpec;
  /** As its processes are named. */
  name: string;
  /** @throws SANDBOX_UNAVAILABLE naming what is missing */
  programs: () => BrowserPrograms;
  miniWobFolder: string | null;
  evaluators: readonly BrowserEvaluator[];
}

const Image = z.strictObject({
  v: z.literal(1),
  /** What was written, in order, readable or not. */
  calls: z.array(z.string()),
  /** Where the tabs were and what sites had stored, for `revisit`; null for `replay`. */
  place: z
    .strictObject({
      urls: z.array(z.string()),
      front: z.int(),
      storageState: StorageState,
      /** Exchanged until then; the next browser does not have them. */
      exchanges: z.int().nonnegative().default(0),
    })
    .nullable(),
});
type Image = z.infer<typeof Image>;

export class BrowserEnvironment implements Environment {
  /** Sites may show the time. */
  readonly isTextRepeatable = false;
  readonly description: string;
  readonly #options: BrowserEnvironmentOptions;
  #session: BrowserSession | null = null;
  #goal: string | null = null;
  /** As written, for repeating, and as read, for the rules of early stopping. */
  #calls: { written: string; taken: TakenAction }[] = [];
  #closing: Promise<void> | null = null;

  constructor(options: BrowserEnvironmentOptions) {
    this.#options = options;
    this.description = actionsDescription(options.spec);
  }

  async reset(signal: AbortSignal): Promise<EnvironmentState> {
    await this.#start(signal);
    return await this.#state([], signal);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    const { calls, place } = readImage(snapshot);
    if (place === null) {
      await this.#start(signal);
      // Ids are given in the order in which elements are shown, so the start and everything in between is looked at.
      await this.#look([], false, signal);
      for (const call of calls) {
        const { problems } = await this.#do(call, signal);
        await this.#look(problems, false, signal);
      }
    } else {
      const session = await this.#open(place.storageState, signal);
      await session.open(place.urls, signal, false);
      await session.tabs.focus(place.front);
      session.lackExchanges(place.exchanges);
      this.#calls = calls.map((written) => this.#read(written).call);
    }
    return await this.#state([], signal);
  }

  async step(action: Action, signal: AbortSignal): Promise<EnvironmentStep> {
    if (action.kind !== "browser") throw unsupported(`an action of kind "${action.kind}"`);
    const { problems, stopped } = await this.#do(action.call, signal);
    const state = await this.#state(problems, signal);
    const { text, omittedBytes } = state.observation;
    const isOver = stopped || (await this.#isMiniWobDone());
    return { ...state, terminated: isOver, outputBytes: Buffer.byteLength(text) + omittedBytes };
  }

  async evaluate(request: EvaluationRequest, signal: AbortSignal): Promise<Evaluation> {
    const session = this.#present();
    const { reference } = request;
    if (reference === null) {
      return { verdict: "unknown", evaluator: "browser", detail: "the task has no reference to compare with" };
    }
    if (reference.kind === "world-reward") return await this.#reward();
    const ended = await EndedBrowser.after(session);
    for (const evaluator of this.#options.evaluators) {
      const evaluation = await evaluator(request, ended, signal);
      if (evaluation !== null) return evaluation;
    }
    const kind = reference.kind ?? "end-state";
    return {
      verdict: "unknown",
      evaluator: "browser",
      detail: `a browser is not judged by a reference of kind "${kind}"`,
    };
  }

  close(): Promise<void> {
    this.#closing ??= this.#session?.[Symbol.asyncDispose]() ?? Promise.resolve();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #open(storageState: StorageState | null, signal: AbortSignal): Promise<BrowserSession> {
    signal.throwIfAborted();
    const { start } = this.#options.spec;
    const problem = start.kind === "miniwob" ? miniWobProblem(this.#options.miniWobFolder, start.task) : null;
    if (problem !== null) throw setupFailed(problem);
    await this.#session?.[Symbol.asyncDispose]();
    this.#session = null;
    this.#calls = [];
    this.#goal = null;
    const { limits, miniWobFolder, programs } = this.#options;
    this.#session = await BrowserSession.start({
      name: this.#options.name,
      programs: programs(),
      spec: this.#spec,
      limits,
      miniWobFolder,
      storageState,
    });
    return this.#session;
  }

  /** The start state of the specification, reached afresh. */
  async #start(signal: AbortSignal): Promise<void> {
    const { start, storageState } = this.#options.spec;
    const session = await this.#open(storageState, signal);
    if (start.kind === "pages") {
      await session.open(start.urls, signal);
      return;
    }
    await session.open([miniWobUrl(start.task)], signal);
    this.#goal = await startMiniWob(session.tabs.front, start.seed);
  }

  /** MiniWoB's pages are made for a viewport of their own. */
  get #spec(): BrowserSpec {
    const { spec } = this.#options;
    return spec.start.kind === "miniwob" ? { ...spec, viewport: miniWobDefaults.viewport } : spec;
  }

  async #do(written: string, signal: AbortSignal): Promise<{ problems: string[]; stopped: boolean }> {
    const session = this.#present();
    const { parsed, call } = this.#read(written);
    this.#calls.push(call);
    const early = this.#options.spec.earlyStop ? earlyStopReason(this.#calls.map(({ taken }) => taken)) : null;
    // What ends the episode is done all the same, as upstream has it: pages are judged as they are then.
    const problems = "problem" in parsed ? [parsed.problem] : await session.perform(parsed.command, signal);
    return early === null
      ? { problems, stopped: false }
      : { problems: [...problems, `The episode ends here: ${early}.`], stopped: true };
  }

  #read(written: string): { parsed: ParsedAction | ActionProblem; call: { written: string; taken: TakenAction } } {
    const parsed = actionSets[this.#options.spec.actions].parse(written);
    return { parsed, call: { written, taken: "problem" in parsed ? null : parsed.call } };
  }

  async #state(
    problems: readonly string[],
    signal: AbortSignal,
  ): Promise<EnvironmentState & { observation: PageObservation }> {
    const { observation, stateHash, artifacts } = await this.#look(problems, true, signal);
    if (observation.kind !== "page") throw new Error(`a browser shows pages, not ${observation.kind}`);
    const image = { v: 1 as const, calls: this.#calls.map(({ written }) => written), place: await this.#place() };
    return {
      observation,
      stateHash,
      artifacts,
      effects: [],
      effectsOmitted: 0,
      snapshot: () => Promise.resolve(writeImage(image, this.#options.limits.snapshotBytesMax)),
    };
  }

  #look(
    problems: readonly string[],
    withArtifacts: boolean,
    signal: AbortSignal,
  ): ReturnType<BrowserSession["observe"]> {
    return this.#present().observe({ goal: this.#goal, problems, withArtifacts }, signal);
  }

  async #place(): Promise<Image["place"]> {
    if (this.#options.spec.resume === "replay") return null;
    const session = this.#present();
    const { pages, frontIndex: front } = session.tabs;
    const exchanges = session.exchanges.length + session.exchangesMissing;
    return { urls: pages.map((page) => page.url()), front, storageState: await session.storageState(), exchanges };
  }

  async #isMiniWobDone(): Promise<boolean> {
    if (this.#options.spec.start.kind !== "miniwob") return false;
    return (await this.#miniWobStatus())?.isDone ?? false;
  }

  /** @throws SANDBOX_LOST: nothing is known of what a browser showed that has died */
  async #miniWobStatus(): Promise<MiniWobStatus | null> {
    const session = this.#present();
    const status = await miniWobStatus(session.tabs.front);
    if (status === null) session.assertAlive();
    return status;
  }

  async #reward(): Promise<Evaluation> {
    if (this.#options.spec.start.kind !== "miniwob") {
      return { verdict: "unknown", evaluator: "world-reward", detail: "only MiniWoB's pages give rewards" };
    }
    const status = await this.#miniWobStatus();
    if (status === null)
      return { verdict: "failure", evaluator: "world-reward", detail: "the task's page was left", score: 0 };
    const score = miniWobScore(status);
    const reason = status.reason === null ? "" : ` (${status.reason.slice(0, 500)})`;
    const detail = status.isDone ? `the page rewarded ${status.rawReward}${reason}` : "the task was not finished";
    return {
      verdict: score === 1 ? "success" : "failure",
      evaluator: "world-reward",
      detail,
      score,
      components: [
        { name: "raw-reward", score: clamped(status.rawReward), detail: String(status.rawReward) },
        { name: "timed-reward", score: clamped(status.reward), detail: String(status.reward) },
      ],
    };
  }

  #present(): BrowserSession {
    if (this.#session === null) {
      throw new HindcastError({
        code: "ENVIRONMENT_UNAVAILABLE",
        boundary: "environment",
        message: `the browser ${this.#options.id} was not reset yet`,
      });
    }
    return this.#session;
  }
}

function writeImage(image: Image, bytesMax: number): Uint8Array | null {
  const bytes = Buffer.from(JSON.stringify(image));
  return bytes.byteLength > bytesMax ? null : bytes;
}

function readImage(bytes: Uint8Array): Image {
  try {
    return Image.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
  } catch (error) {
    throw new HindcastError({
      code: "ENVIRONMENT_UNAVAILABLE",
      boundary: "environment",
      message: "the snapshot is none of a browser, or it is damaged",
      cause: error,
    });
  }
}

function clamped(reward: number): number {
  return Math.min(1, Math.max(0, reward));
}

export function unsupported(what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_ACTION_UNSUPPORTED",
    boundary: "environment",
    message: `the browser environment does not know ${what}`,
  });
}

function setupFailed(message: string): HindcastError {
  return new HindcastError({ code: "ENVIRONMENT_SETUP_FAILED", boundary: "environment", message });
}
