// Any plugged-in world as an environment: sessions, checked calls, capped texts, names of states, images.
import { type Action, actionText, type Evaluation, type ExternalSpec, Sha256 } from "@hindcast/shared";
import { HindcastError, messageOf } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { z } from "zod";
import { terminalText } from "../terminal-text.ts";
import type {
  Environment,
  EnvironmentOptions,
  EnvironmentState,
  EnvironmentStep,
  EvaluationRequest,
} from "../environment.ts";
import { ToolSet } from "./tool-set.ts";
import { plainState, type World, type WorldState } from "./world.ts";
import { worldLost } from "./world-faults.ts";

const evaluator = "world";
const detailCharsMax = 4_000;

/** What is kept of a state beside the world's own image of it. */
const Image = z.strictObject({
  v: z.literal(1),
  stateHash: Sha256,
  reward: z.number().nullable(),
  snapshot: z.string(),
});

interface PlugInOptions extends EnvironmentOptions {
  spec: ExternalSpec;
}

/** Opens a session of the world. */
export type WorldOpener = (signal: AbortSignal) => Promise<World>;

interface Session {
  world: World;
  tools: ToolSet;
  /** The text that the world describes itself by, tools included. */
  description: string;
}

export class PlugInEnvironment implements Environment {
  readonly #options: PlugInOptions;
  readonly #open: WorldOpener;
  #session: Session | null = null;
  #stateHash: Sha256 | null = null;
  #reward: number | null = null;
  #isClosed = false;

  constructor(options: PlugInOptions, open: WorldOpener) {
    this.#options = options;
    this.#open = open;
  }

  get isTextRepeatable(): boolean {
    return this.#session?.world.description.isDeterministic ?? false;
  }

  get description(): string {
    return this.#session?.description ?? "";
  }

  async reset(signal: AbortSignal): Promise<EnvironmentState> {
    const { seed, parameters } = this.#options.spec;
    const session = await this.#begin(signal);
    const state = await session.world.reset({ seed, parameters }, signal);
    return this.#observed(session, state, null);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<EnvironmentState> {
    const image = this.#imageIn(snapshot);
    const session = await this.#begin(signal);
    const state = await session.world.restore(image.snapshot, signal);
    this.#reward = image.reward;
    // A world that does not name its states is believed to have restored the one that it was asked for.
    return this.#observed(session, state, { hash: image.stateHash });
  }

  async step(action: Action, signal: AbortSignal): Promise<EnvironmentStep> {
    if (action.kind !== "tool") throw unsupported(`an action of kind "${action.kind}"`);
    const session = this.#present();
    const call = { name: action.name, input: action.input };
    const problem = session.tools.problemOf(call);
    // The world never hears of a call that it could not take: its state is as before.
    const state = problem === null ? await session.world.step(call, signal) : { ...plainState(problem), isError: true };
    const kept = problem === null ? null : { hash: this.#hash() };
    const observed = this.#observed(session, state, kept, actionText(action));
    const outputBytes = Buffer.byteLength(state.text);
    return { ...observed, terminated: state.isTerminated, outputBytes };
  }

  async evaluate({ reference, answer }: EvaluationRequest, signal: AbortSignal): Promise<Evaluation> {
    const unknown = (detail: string): Evaluation => ({ verdict: "unknown", evaluator, detail });
    if (reference === null) return unknown("the task has no reference to judge by");
    if ("commands" in reference) return unknown("a plug-in world is not judged by commands");
    if (reference.kind === "world-reward") return this.#rewarded();
    if (reference.kind !== "external") {
      return unknown(`a plug-in world is not judged by a reference of kind "${reference.kind as string}"`);
    }
    const { expected } = reference;
    const judgement = await this.#present().world.evaluate({ expected, answer }, signal);
    if (judgement === null) return unknown(`the world "${this.#options.spec.world}" does not judge`);
    const { verdict, score, detail } = judgement;
    return { verdict, evaluator, detail: detail.slice(0, detailCharsMax), ...(score !== null && { score }) };
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await this.#leave();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #begin(signal: AbortSignal): Promise<Session> {
    await this.#leave();
    const { world: name } = this.#options.spec;
    const world = await this.#open(signal);
    if (this.#isClosed) {
      await world.close();
      throw worldLost(name, "it was closed while it started");
    }
    this.#reward = null;
    this.#stateHash = null;
    try {
      this.#session = sessionOf(name, world, world.description.tools);
      return this.#session;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  async #leave(): Promise<void> {
    const session = this.#session;
    this.#session = null;
    await session?.world.close();
  }

  #present(): Session {
    if (this.#session !== null) return this.#session;
    throw new HindcastError({
      code: "ENVIRONMENT_UNAVAILABLE",
      boundary: "environment",
      message: `environment ${this.#options.id} has no world yet: call reset or restore first`,
    });
  }

  /** @param kept the state's hash where it is known already; null: the world's own, or derived */
  #observed(session: Session, state: WorldState, kept: { hash: Sha256 } | null, action = ""): EnvironmentState {
    const change = this.#adopt(session, state);
    const { observationBytesMax, snapshotBytesMax } = this.#options.limits;
    const text = change === null ? state.text : `${state.text.replace(/\n?$/, "\n")}[tools: ${change}]`;
    const shown = terminalText({ bytes: Buffer.from(text), gap: null }, observationBytesMax);
    const stateHash =
      state.stateHash === null ? (kept?.hash ?? this.#derived(action, text)) : this.#named(state.stateHash);
    this.#stateHash = stateHash;
    this.#reward = state.reward ?? this.#reward;
    const reward = this.#reward;
    return {
      observation: { kind: "text", isError: state.isError, ...shown },
      stateHash,
      effects: [],
      effectsOmitted: 0,
      snapshot: async (signal) => {
        const snapshot = await session.world.snapshot(signal);
        if (snapshot === null) return null;
        const image = Buffer.from(JSON.stringify(Image.parse({ v: 1, stateHash, reward, snapshot })));
        return image.byteLength > snapshotBytesMax ? null : image;
      },
      ...(state.artifacts.length > 0 && { artifacts: state.artifacts }),
    };
  }

  /** Takes over the tools that the world has from now on. @returns what changed, in words */
  #adopt(session: Session, { tools }: WorldState): string | null {
    if (tools === null) return null;
    const { world } = this.#options.spec;
    const next = sessionOf(world, session.world, tools);
    const change = session.tools.changesTo(next.tools);
    Object.assign(session, next);
    return change;
  }

  /** A world's own name of a state; those of another world name other states. */
  #named(hash: string): Sha256 {
    return Sha256.parse(sha256Hex(JSON.stringify(["named", this.#options.spec.world, hash])));
  }

  /** The way to a state stands for it where the world does not name it: other ways to the same count as other states. */
  #derived(action: string, text: string): Sha256 {
    const { world, parameters, seed } = this.#options.spec;
    const from = this.#stateHash ?? JSON.stringify([world, parameters, seed]);
    return Sha256.parse(sha256Hex(JSON.stringify(["derived", from, action, text])));
  }

  #hash(): Sha256 {
    return this.#stateHash ?? this.#derived("", "");
  }

  #rewarded(): Evaluation {
    const reward = this.#reward;
    if (reward === null) return { verdict: "unknown", evaluator, detail: "the world gave no reward" };
    const score = Math.min(1, Math.max(0, reward));
    return {
      verdict: reward >= 1 ? "success" : "failure",
      evaluator,
      detail: `the world's last reward is ${reward}`,
      score,
    };
  }

  #imageIn(bytes: Uint8Array): z.infer<typeof Image> {
    try {
      return Image.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
    } catch (error) {
      throw new HindcastError({
        code: "ENVIRONMENT_DIVERGED",
        boundary: "environment",
        message: `this is no image of the world "${this.#options.spec.world}": ${messageOf(error).slice(0, 500)}`,
        cause: error,
      });
    }
  }
}

function sessionOf(name: string, world: World, tools: World["description"]["tools"]): Session {
  const set = new ToolSet(name, tools);
  const { description } = world;
  const parts = [`${description.name}: ${description.text}`.trim(), `Its tools:\n\n${set.text}`];
  return { world, tools: set, description: parts.join("\n\n") };
}

export function unsupported(what: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_ACTION_UNSUPPORTED",
    boundary: "environment",
    message: `a plug-in world does not know ${what}`,
  });
}
