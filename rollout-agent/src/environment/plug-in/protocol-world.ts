// A world that speaks Hindcast's own protocol (shared/src/protocol/world.ts).
import { limits, messageOf, type WorldHello, type WorldReply, type WorldStateReply } from "@hindcast/shared";
import type { Asking, Exchange, WorldQuestion } from "./exchange.ts";
import type { Judgement, World, WorldContext, WorldDescription, WorldState } from "./world.ts";
import { worldLost, worldSetupFailed, worldUnavailable } from "./world-faults.ts";

export class ProtocolWorld implements World {
  readonly description: WorldDescription;
  readonly #name: string;
  readonly #exchange: Exchange;
  readonly #context: WorldContext;
  readonly #capabilities: WorldHello["capabilities"];

  private constructor(
    name: string,
    exchange: Exchange,
    { context, hello }: { context: WorldContext; hello: WorldHello },
  ) {
    this.#name = name;
    this.#exchange = exchange;
    this.#context = context;
    this.#capabilities = hello.capabilities;
    this.description = {
      name: hello.name,
      text: hello.description,
      tools: hello.tools,
      isDeterministic: hello.capabilities.deterministic,
    };
  }

  static async open(name: string, exchange: Exchange, context: WorldContext, signal: AbortSignal): Promise<World> {
    try {
      const asking = { timeoutMs: limits.worldStartMsMax, signal };
      const hello = expectKind(name, "hello", await exchange.ask({ kind: "hello" }, asking));
      return new ProtocolWorld(name, exchange, { context, hello });
    } catch (error) {
      await exchange.close();
      throw error;
    }
  }

  async reset(start: { seed: number; parameters: Record<string, unknown> }, signal: AbortSignal): Promise<WorldState> {
    const question = { kind: "reset", ...start } as WorldQuestion;
    return stateOf(await this.#ask("state", question, { timeoutMs: limits.worldResetMsMax, signal }));
  }

  async step(call: { name: string; input: Record<string, unknown> }, signal: AbortSignal): Promise<WorldState> {
    return stateOf(await this.#ask("state", { kind: "step", ...call } as WorldQuestion, this.#asking(signal)));
  }

  async snapshot(signal: AbortSignal): Promise<string | null> {
    if (!this.#capabilities.snapshot) return null;
    return (await this.#ask("snapshot", { kind: "snapshot" }, this.#asking(signal))).snapshot;
  }

  async restore(snapshot: string, signal: AbortSignal): Promise<WorldState> {
    const asking = { timeoutMs: limits.worldResetMsMax, signal };
    return stateOf(await this.#ask("state", { kind: "restore", snapshot }, asking));
  }

  async evaluate(
    request: { expected: unknown; answer: string | null },
    signal: AbortSignal,
  ): Promise<Judgement | null> {
    if (!this.#capabilities.evaluate) return null;
    const question = { kind: "evaluate", ...request } as WorldQuestion;
    const { verdict, score, detail } = await this.#ask("verdict", question, {
      timeoutMs: limits.worldResetMsMax,
      signal,
    });
    return { verdict, score, detail };
  }

  async close(): Promise<void> {
    const asking = { timeoutMs: limits.worldFarewellMs, signal: new AbortController().signal };
    try {
      // Whatever went wrong: a service keeps a session until it is told. A process that is lost says so at once.
      await this.#exchange.ask({ kind: "close" }, asking);
    } catch (error) {
      this.#context.log.debug({ event: "world.farewell", world: this.#name, err: error }, messageOf(error));
    } finally {
      await this.#exchange.close();
    }
  }

  #asking(signal: AbortSignal): Asking {
    return { timeoutMs: this.#context.stepTimeMs, signal };
  }

  async #ask<K extends WorldReply["kind"]>(
    kind: K,
    question: WorldQuestion,
    asking: Asking,
  ): Promise<Extract<WorldReply, { kind: K }>> {
    return expectKind(this.#name, kind, await this.#exchange.ask(question, asking));
  }
}

function expectKind<K extends WorldReply["kind"]>(
  world: string,
  kind: K,
  reply: WorldReply,
): Extract<WorldReply, { kind: K }> {
  if (isKind(reply, kind)) return reply;
  if (reply.kind !== "error") throw worldLost(world, `it answered with "${reply.kind}" where "${kind}" was due`);
  const { code, message } = reply;
  if (code === "setup-failed") throw worldSetupFailed(world, message);
  throw code === "unavailable" ? worldUnavailable(world, message) : worldLost(world, message);
}

function isKind<K extends WorldReply["kind"]>(reply: WorldReply, kind: K): reply is Extract<WorldReply, { kind: K }> {
  return reply.kind === kind;
}

function stateOf(reply: WorldStateReply): WorldState {
  const { text, isError, isTerminated, stateHash, reward, tools } = reply;
  const artifacts = reply.artifacts.map(({ base64, ...file }) => ({ ...file, bytes: Buffer.from(base64, "base64") }));
  return { text, isError, isTerminated, stateHash, reward, tools, artifacts };
}
