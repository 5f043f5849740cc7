// AgentGym's HTTP services (WooooDyy/AgentGym, agentenv/envs/*.py): create, reset, step, observation, close. They agree
// on the paths and differ in the names of keys: an environment is `id` or `env_idx`, an observation `observation` or
// `state`, and the number of a task `data_idx`, `session_id`, `id` … Some give a score beside each step's reward, and their own
// clients go by the score. Actions are plain text.
import { messageOf, limits } from "@hindcast/shared";
import { callHttp, callJson, type HttpCall } from "./http.ts";
import { PlainWorld } from "./plain-world.ts";
import {
  plainState,
  type ToolCall,
  type World,
  type WorldContext,
  type WorldDescription,
  type WorldState,
} from "./world.ts";
import { worldLost, worldSetupFailed, worldUnavailable } from "./world-faults.ts";

export interface AgentGymOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  description: string;
  idKey: "id" | "env_idx" | null;
  indexKey: string;
  scoreMax: number;
  create: Record<string, unknown>;
}

const actTool = {
  name: "act",
  description: "Does one action in the world.",
  inputSchema: {
    type: "object",
    properties: { action: { type: "string", minLength: 1, description: "The action as the world has it written." } },
    required: ["action"],
    additionalProperties: false,
  },
};

type EnvironmentId = { key: "id" | "env_idx"; value: string | number };

export class AgentGymWorld extends PlainWorld {
  readonly description: WorldDescription;
  readonly #name: string;
  readonly #options: AgentGymOptions;
  readonly #context: WorldContext;
  readonly #id: EnvironmentId;

  private constructor(
    name: string,
    options: AgentGymOptions,
    { context, id }: { context: WorldContext; id: EnvironmentId },
  ) {
    super(name, "AgentGym's services");
    this.#name = name;
    this.#options = options;
    this.#context = context;
    this.#id = id;
    this.description = { name, text: options.description, tools: [actTool], isDeterministic: true };
  }

  static async open(
    name: string,
    options: AgentGymOptions,
    context: WorldContext,
    signal: AbortSignal,
  ): Promise<World> {
    const { url, headers, create: body } = options;
    const call = { world: name, url: `${base(url)}/create`, method: "POST" as const, headers, body, signal };
    const created = await callJson({ ...call, timeoutMs: limits.worldStartMsMax });
    return new AgentGymWorld(name, options, { context, id: idIn(name, created, options.idKey) });
  }

  async reset(
    { seed, parameters }: { seed: number; parameters: Record<string, unknown> },
    signal: AbortSignal,
  ): Promise<WorldState> {
    const { index = seed, ...more } = parameters;
    const body = { ...more, [this.#options.indexKey]: index };
    const answer = await this.#post("reset", body, { timeoutMs: limits.worldResetMsMax, signal });
    const error = isObject(answer) ? answer["error"] : undefined;
    if (typeof error === "string") throw worldSetupFailed(this.#name, error);
    const shown = observationIn(answer);
    const task = isObject(answer) && typeof answer["task_description"] === "string" ? [answer["task_description"]] : [];
    const text = shown ?? textOf(await this.#observe(signal));
    return plainState([...task, text, ...choicesIn(answer)].join("\n"));
  }

  async step({ input }: ToolCall, signal: AbortSignal): Promise<WorldState> {
    const asking = { timeoutMs: this.#context.stepTimeMs, signal };
    const answer = await this.#post("step", { action: input["action"] }, asking);
    if (!isObject(answer))
      throw worldLost(this.#name, `"step" was answered with ${JSON.stringify(answer)?.slice(0, 200)}`);
    if (typeof answer["error"] === "string") return { ...plainState(answer["error"]), isError: true };
    const { reward, score = reward, done, terminated, truncated } = answer;
    const text = observationIn(answer) ?? textOf(await this.#observe(signal));
    return {
      ...plainState([text, ...choicesIn(answer)].join("\n")),
      reward: typeof score === "number" && Number.isFinite(score) ? score / this.#options.scoreMax : null,
      isTerminated: [done, terminated, truncated].includes(true),
    };
  }

  /** Not every service knows how to let one go. */
  async close(): Promise<void> {
    try {
      const signal = new AbortController().signal;
      await this.#text("close", {}, { timeoutMs: limits.worldFarewellMs, signal });
    } catch (error) {
      this.#context.log.debug({ event: "world.farewell", world: this.#name, err: error }, messageOf(error));
    }
  }

  #observe(signal: AbortSignal): Promise<unknown> {
    const { key, value } = this.#id;
    const url = `${base(this.#options.url)}/observation?${key}=${encodeURIComponent(value)}`;
    const { headers } = this.#options;
    return callJson({ world: this.#name, url, method: "GET", headers, timeoutMs: this.#context.stepTimeMs, signal });
  }

  #post(path: string, body: Record<string, unknown>, asking: Pick<HttpCall, "timeoutMs" | "signal">): Promise<unknown> {
    return callJson(this.#request(path, body, asking));
  }

  #text(path: string, body: Record<string, unknown>, asking: Pick<HttpCall, "timeoutMs" | "signal">): Promise<string> {
    return callHttp(this.#request(path, body, asking));
  }

  #request(path: string, body: Record<string, unknown>, asking: Pick<HttpCall, "timeoutMs" | "signal">): HttpCall {
    const { url, headers } = this.#options;
    const { key, value } = this.#id;
    return {
      world: this.#name,
      url: `${base(url)}/${path}`,
      method: "POST",
      headers,
      // The environment's own key last: some services number their tasks by the other one.
      body: { ...body, [key]: value },
      ...asking,
    };
  }
}

function idIn(name: string, created: unknown, configured: AgentGymOptions["idKey"]): EnvironmentId {
  const value = isObject(created) ? (created["id"] ?? created["env_idx"]) : created;
  if (typeof value !== "string" && typeof value !== "number") {
    const error =
      isObject(created) && typeof created["error"] === "string" ? created["error"] : JSON.stringify(created);
    throw worldUnavailable(name, `"create" gave no environment: ${error?.slice(0, 500)}`);
  }
  const told = isObject(created) && created["id"] !== undefined ? "id" : "env_idx";
  return { key: configured ?? told, value };
}

/** What an answer shows: the whole of it where it is a text. Null where one must ask for the observation. */
function observationIn(answer: unknown): string | null {
  if (typeof answer === "string") return answer;
  if (!isObject(answer)) return null;
  const shown = answer["observation"] ?? answer["state"];
  return shown === undefined ? null : textOf(shown);
}

/** Some services list what may be done now. */
function choicesIn(answer: unknown): string[] {
  const choices = isObject(answer) ? answer["available_actions"] : undefined;
  return Array.isArray(choices) && choices.length > 0 ? [`AVAILABLE ACTIONS: ${choices.map(textOf).join(", ")}`] : [];
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value, null, 1);
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

function base(url: string): string {
  return url.replace(/\/+$/, "");
}
