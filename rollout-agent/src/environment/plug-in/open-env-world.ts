// OpenEnv's services (huggingface/OpenEnv, src/openenv/core/env_server): reset, step and state over a WebSocket, whose
// connection is the session, or over HTTP where a service keeps its environment between requests (older ones do).
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { z } from "zod";
import { callJson } from "./http.ts";
import { callTool, givenIn, isOfTools, listTools, toolsIn } from "./open-env-tools.ts";
import { OpenEnvSocket } from "./open-env-socket.ts";
import { type Asking, type OpenEnvOptions, type OpenEnvWire, RefusedRequest } from "./open-env-wire.ts";
import { PlainWorld } from "./plain-world.ts";
import {
  type Judgement,
  plainState,
  type ToolCall,
  type World,
  type WorldContext,
  type WorldDescription,
  type WorldState,
} from "./world.ts";
import { worldLost, worldSetupFailed, worldUnavailable } from "./world-faults.ts";

/** Services say more; what is not known here is passed over. */
const Result = z.object({
  observation: z.record(z.string(), z.json()),
  reward: z.union([z.number(), z.boolean()]).nullish(),
  done: z.boolean().default(false),
});
const Schemas = z.object({ action: z.record(z.string(), z.json()) });
const Metadata = z.object({ name: z.string().min(1).max(256), description: z.string().max(8_000).default("") });

export class OpenEnvWorld extends PlainWorld {
  readonly description: WorldDescription;
  readonly #name: string;
  readonly #context: WorldContext;
  readonly #wire: OpenEnvWire;
  /** Its actions call tools that it lists. */
  readonly #hasTools: boolean;

  private constructor(
    name: string,
    wire: OpenEnvWire,
    more: { context: WorldContext; description: WorldDescription; hasTools: boolean },
  ) {
    super(name, "OpenEnv's services");
    this.#name = name;
    this.#wire = wire;
    this.#context = more.context;
    this.description = more.description;
    this.#hasTools = more.hasTools;
  }

  static async open(name: string, options: OpenEnvOptions, context: WorldContext, signal: AbortSignal): Promise<World> {
    const asking = { timeoutMs: limits.worldStartMsMax, signal };
    const { hasTools, ...description } = await describe(name, options, asking);
    const wire =
      options.transport === "http" ? httpWire(name, options) : await OpenEnvSocket.open(name, options, asking);
    if (!hasTools) return new OpenEnvWorld(name, wire, { context, description, hasTools });
    try {
      const { observation } = resultIn(name, await wire.step(listTools, asking));
      const tools = toolsIn(observation, name, context);
      return new OpenEnvWorld(name, wire, { context, description: { ...description, tools }, hasTools });
    } catch (error) {
      await wire.close();
      signal.throwIfAborted();
      if (error instanceof HindcastError) throw error;
      throw worldUnavailable(name, `it does not list its tools: ${messageOf(error)}`, error);
    }
  }

  async reset(
    { seed, parameters }: { seed: number; parameters: Record<string, unknown> },
    signal: AbortSignal,
  ): Promise<WorldState> {
    // Without an id of ours the service draws one, and its state would never be the same twice.
    const data = { seed, episode_id: this.#context.session, ...parameters };
    try {
      return this.#stateIn(await this.#wire.reset(data, { timeoutMs: limits.worldResetMsMax, signal }));
    } catch (error) {
      throw error instanceof RefusedRequest ? worldSetupFailed(this.#name, error.message) : error;
    }
  }

  async step({ name, input }: ToolCall, signal: AbortSignal): Promise<WorldState> {
    const action = this.#hasTools ? callTool(name, input) : input;
    try {
      const answer = await this.#wire.step(action, this.#asking(signal));
      const given = this.#hasTools ? givenIn(resultIn(this.#name, answer).observation) : null;
      return { ...this.#stateIn(answer), ...given };
    } catch (error) {
      if (!(error instanceof RefusedRequest)) throw error;
      return { ...plainState(error.message), isError: true };
    }
  }

  /** The service's `state` must hold what is expected of it. */
  override async evaluate(
    { expected }: { expected: unknown; answer: string | null },
    signal: AbortSignal,
  ): Promise<Judgement> {
    const state = await this.#wire.state(this.#asking(signal));
    const difference = differenceIn(expected, state, "state");
    return {
      verdict: difference === null ? "success" : "failure",
      score: difference === null ? 1 : 0,
      detail: difference ?? "the state is as expected",
    };
  }

  close(): Promise<void> {
    return this.#wire.close();
  }

  #asking(signal: AbortSignal): Asking {
    return { timeoutMs: this.#context.stepTimeMs, signal };
  }

  #stateIn(answer: unknown): WorldState {
    const { observation, reward, done } = resultIn(this.#name, answer);
    return {
      ...plainState(textOf(observation)),
      reward: reward === undefined || reward === null ? null : Number(reward),
      isTerminated: done,
    };
  }
}

function resultIn(world: string, answer: unknown): z.infer<typeof Result> {
  const result = Result.safeParse(answer);
  if (result.success) return result.data;
  throw worldLost(world, `its answer is no observation: ${z.prettifyError(result.error)}`);
}

function httpWire(world: string, { url, headers }: OpenEnvOptions): OpenEnvWire {
  const call = (path: string, body: unknown, asking: Asking): Promise<unknown> =>
    callJson({ world, url: `${base(url)}/${path}`, method: "POST", headers, body, ...asking });
  return {
    reset: (data, asking) => call("reset", data, asking),
    step: async (action, asking) => {
      try {
        return await call("step", { action }, asking);
      } catch (error) {
        // FastAPI answers 422 to an action that its schema does not allow.
        if (error instanceof HindcastError && / was answered with 422: /.test(error.message)) {
          throw new RefusedRequest(error.message);
        }
        throw error;
      }
    },
    state: (asking) => callJson({ world, url: `${base(url)}/state`, method: "GET", headers, ...asking }),
    close: () => Promise.resolve(),
  };
}

async function describe(
  world: string,
  { url, headers }: OpenEnvOptions,
  asking: Asking,
): Promise<WorldDescription & { hasTools: boolean }> {
  const get = (path: string): Promise<unknown> =>
    callJson({ world, url: `${base(url)}/${path}`, method: "GET", headers, ...asking });
  const schemas = Schemas.safeParse(await get("schema"));
  if (!schemas.success) throw worldUnavailable(world, `GET /schema names no schema of actions`);
  const metadata = Metadata.safeParse(await optional(get("metadata")));
  const { properties, ...schema } = schemas.data.action;
  const { metadata: _, ...shown } = (properties ?? {}) as Record<string, z.infer<ReturnType<typeof z.json>>>;
  return {
    hasTools: isOfTools(shown),
    name: metadata.data?.name ?? world,
    text: metadata.data?.description ?? "",
    tools: [
      { name: "act", description: "Does one action in the world.", inputSchema: { ...schema, properties: shown } },
    ],
    isDeterministic: true,
  };
}

/** Older services have no metadata. */
async function optional(asked: Promise<unknown>): Promise<unknown> {
  try {
    return await asked;
  } catch (error) {
    if (error instanceof HindcastError && error.code === "ENVIRONMENT_UNAVAILABLE") return null;
    throw error;
  }
}

/** An observation of one text is that text; others are shown as the JSON that they are. */
function textOf(observation: Record<string, unknown>): string {
  const values = Object.values(observation);
  return values.length === 1 && typeof values[0] === "string" ? values[0] : JSON.stringify(observation, null, 1);
}

/** Where `found` lacks or contradicts `expected`; objects may have more keys. */
function differenceIn(expected: unknown, found: unknown, path: string): string | null {
  if (isObject(expected) && isObject(found)) {
    for (const [key, value] of Object.entries(expected)) {
      const difference = differenceIn(value, found[key], `${path}.${key}`);
      if (difference !== null) return difference;
    }
    return null;
  }
  const [is, should] = [JSON.stringify(found) ?? "missing", JSON.stringify(expected)];
  return is === should ? null : `${path} is ${is} and should be ${should}`.slice(0, 2_000);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function base(url: string): string {
  return url.replace(/\/+$/, "");
}
