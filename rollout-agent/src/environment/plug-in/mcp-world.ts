// An MCP server as a world: its tools are the actions, what they answer the observations. A session of the protocol is
// an episode's copy of the world; a server that shares its state between sessions is shared by episodes, and so is a service
// of revision 2026-07-28 of the protocol, which knows no sessions.
import { setTimeout as delay } from "node:timers/promises";
import {
  type CallToolResult,
  Client,
  ProtocolError,
  SdkError,
  SdkErrorCode,
  StreamableHTTPClientTransport,
  type Tool,
  type Transport,
} from "@modelcontextprotocol/client";
import { HindcastError, limits, messageOf, ToolDescription } from "@hindcast/shared";
import { fetchCapped } from "./http.ts";
import type { StartedProgram } from "./line-process.ts";
import { contentOf } from "./mcp-content.ts";
import { McpProcessTransport } from "./mcp-process-transport.ts";
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

export interface McpOptions {
  server: StartedProgram | { url: string; headers: Readonly<Record<string, string>> };
  resetTool: string | null;
  isDeterministic: boolean;
}

export class McpWorld extends PlainWorld {
  readonly #name: string;
  readonly #options: McpOptions;
  readonly #context: WorldContext;
  /** Asks which revision of the protocol the server speaks, and goes by the newest that both do. */
  readonly #client = new Client(
    { name: "hindcast", version: "1" },
    {
      capabilities: {},
      versionNegotiation: { mode: "auto", probe: { timeoutMs: limits.worldProbeMsMax } },
      // Nobody here answers for the agent's user.
      inputRequired: { autoFulfill: false },
      listMaxPages: limits.worldToolPagesMax,
    },
  );
  readonly #transport: Transport;
  #listed: ReadonlyMap<string, Tool> = new Map();
  #tools: ToolDescription[] = [];

  private constructor(name: string, options: McpOptions, context: WorldContext) {
    super(name, "MCP servers");
    this.#name = name;
    this.#options = options;
    this.#context = context;
    const { server } = options;
    this.#transport =
      "url" in server
        ? // The SDK's types are not exact about optional properties.
          (new StreamableHTTPClientTransport(new URL(server.url), {
            requestInit: { headers: server.headers, redirect: "error" },
            fetch: fetchCapped,
          }) as Transport)
        : new McpProcessTransport(name, server, context.log);
  }

  static async open(name: string, options: McpOptions, context: WorldContext, signal: AbortSignal): Promise<World> {
    try {
      return await McpWorld.#open(new McpWorld(name, options, context), "any", signal);
    } catch (error) {
      // Older servers there are that end at a question which they do not know.
      if (!(error instanceof EndedWhileAsked)) throw error;
      return await McpWorld.#open(new McpWorld(name, options, context), "older", signal);
    }
  }

  static async #open(world: McpWorld, revisions: "any" | "older", signal: AbortSignal): Promise<World> {
    try {
      const options = { timeout: limits.worldStartMsMax, signal };
      const connect = (): Promise<void> =>
        world.#client.connect(world.#transport, {
          ...options,
          ...(revisions === "older" && { prior: { kind: "legacy" as const } }),
        });
      await world.#guarded(signal, connect).catch((error: unknown) => {
        const isEnded = world.#transport instanceof McpProcessTransport && world.#transport.fault?.retryable === true;
        throw isEnded && revisions === "any" ? new EndedWhileAsked() : error;
      });
      await world.#list(signal);
      return world;
    } catch (error) {
      await world.close();
      throw error;
    }
  }

  get description(): WorldDescription {
    const { version, name = this.#name } = this.#client.getServerVersion() ?? {};
    return {
      name: version === undefined ? name : `${name} ${version}`,
      text: this.#client.getInstructions() ?? "",
      tools: this.#tools,
      isDeterministic: this.#options.isDeterministic,
    };
  }

  async reset(
    { parameters }: { seed: number; parameters: Record<string, unknown> },
    signal: AbortSignal,
  ): Promise<WorldState> {
    const { resetTool } = this.#options;
    if (resetTool === null) return plainState("");
    const state = await this.#call({ name: resetTool, input: parameters }, limits.worldResetMsMax, signal);
    if (state.isError) throw worldSetupFailed(this.#name, state.text.slice(0, 1_000));
    return state;
  }

  step(call: ToolCall, signal: AbortSignal): Promise<WorldState> {
    return this.#call(call, this.#context.stepTimeMs, signal);
  }

  async close(): Promise<void> {
    await this.#sayFarewell();
    await this.#client.close();
    // Where it was never connected the client knows of no transport.
    await this.#transport.close();
  }

  /** A service keeps a session until it is told; one that does not listen is not waited for. */
  async #sayFarewell(): Promise<void> {
    if (!(this.#transport instanceof StreamableHTTPClientTransport)) return;
    const { log } = this.#context;
    const said = this.#transport.terminateSession().catch((error: unknown) => {
      log.debug({ event: "world.farewell", world: this.#name, err: error }, messageOf(error));
    });
    await Promise.race([said, delay(limits.worldFarewellMs, undefined, { ref: false })]);
  }

  async #call({ name, input }: ToolCall, timeout: number, signal: AbortSignal): Promise<WorldState> {
    const result = await this.#guarded(signal, async () => {
      try {
        return await this.#client.callTool({ name, arguments: input }, { timeout, signal, ...this.#known(name) });
      } catch (error) {
        const refusal = refusalIn(error);
        if (refusal === null) throw error;
        return { content: [{ type: "text", text: refusal }], isError: true } satisfies CallToolResult;
      }
    });
    const { text, artifacts } = contentOf(result);
    return { ...plainState(text), isError: result.isError === true, tools: await this.#changed(signal), artifacts };
  }

  /**
   * The tools where they are others than before; else null. Asked after every call of a server whose list may change: its
   * notification may come before or after the answer, and a trajectory should read the same each time.
   */
  async #changed(signal: AbortSignal): Promise<ToolDescription[] | null> {
    if (this.#client.getServerCapabilities()?.tools?.listChanged !== true) return null;
    const before = JSON.stringify(this.#tools);
    await this.#list(signal);
    return JSON.stringify(this.#tools) === before ? null : this.#tools;
  }

  /** All pages of the list, from the server itself. */
  async #list(signal: AbortSignal): Promise<void> {
    const asking = { timeout: limits.worldStartMsMax, signal, cacheMode: "bypass" as const };
    const { tools } = await this.#guarded(signal, () => this.#client.listTools(undefined, asking));
    this.#listed = new Map(tools.map((tool) => [tool.name, tool]));
    this.#tools = tools.flatMap((tool) => this.#described(tool));
  }

  /**
   * What the SDK must know of a tool to call it (its schema may say which arguments are headers, too). What it answers is
   * shown as it is: a stranger's schema of that is never compiled.
   */
  #known(name: string): { toolDefinition?: Tool } {
    const tool = this.#listed.get(name);
    if (tool === undefined) return {};
    const { outputSchema: _, ...toolDefinition } = tool;
    return { toolDefinition };
  }

  /** A tool whose name no model could write is left out, as is the one that resets. */
  #described({ name, description = "", inputSchema }: Tool): ToolDescription[] {
    if (name === this.#options.resetTool) return [];
    const described = ToolDescription.safeParse({ name, description, inputSchema });
    if (described.success) return [described.data];
    this.#context.log.warn({ event: "world.tool.left-out", world: this.#name, tool: name }, described.error.message);
    return [];
  }

  async #guarded<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    try {
      return await work();
    } catch (error) {
      signal.throwIfAborted();
      const fault = this.#transport instanceof McpProcessTransport ? this.#transport.fault : null;
      throw fault ?? (error instanceof HindcastError ? error : this.#classified(error));
    }
  }

  #classified(error: unknown): HindcastError {
    if (error instanceof SdkError && error.code === SdkErrorCode.ListPaginationExceeded) {
      return worldUnavailable(this.#name, `its list of tools has more than ${limits.worldToolPagesMax} pages`, error);
    }
    const { status } = error as { status?: unknown };
    const isRefused = typeof status === "number" && status >= 400 && status < 500 && status !== 408 && status !== 429;
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
    const what = `${messageOf(error)}${cause}`;
    return isRefused ? worldUnavailable(this.#name, what, error) : worldLost(this.#name, what, error);
  }
}

/** The server's process ended when it was asked which revisions it speaks. */
class EndedWhileAsked extends Error {}

/** What an agent is told where the server did not do as asked and goes on; null: the connection is of no use. */
function refusalIn(error: unknown): string | null {
  // An answer of the server's; what breaks on the way is an SdkError.
  if (error instanceof ProtocolError) return error.message;
  if (error instanceof SdkError && error.code === SdkErrorCode.UnsupportedResultType) {
    return `The tool asks for something that nobody here can answer: ${error.message}`;
  }
  return null;
}
