// An MCP server as a world: its tools are the actions, what they answer the observations. A session of the protocol is
// an episode's copy of the world; a server that shares its state between sessions is shared by episodes.
import { setTimeout as delay } from "node:timers/promises";
import { Client } from "@modelcontextprotocol/sdk/client/index.js";
import type { JsonSchemaValidator, jsonSchemaValidator } from "@modelcontextprotocol/sdk/validation";
import { StreamableHTTPClientTransport } from "@modelcontextprotocol/sdk/client/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { type CallToolResult, ErrorCode, McpError, type Tool } from "@modelcontextprotocol/sdk/types.js";
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

/** The server said no; everything else of the protocol's own errors means that the connection is of no use. */
const refusals: ReadonlySet<number> = new Set([
  ErrorCode.InvalidParams,
  ErrorCode.InvalidRequest,
  ErrorCode.MethodNotFound,
  ErrorCode.InternalError,
]);

/** What a tool answered is shown as it is: a stranger's schema of it is never compiled. */
const unchecked: jsonSchemaValidator = {
  getValidator:
    <T>(): JsonSchemaValidator<T> =>
    (input) => ({ valid: true, data: input as T, errorMessage: undefined }),
};

export class McpWorld extends PlainWorld {
  readonly #name: string;
  readonly #options: McpOptions;
  readonly #context: WorldContext;
  readonly #client = new Client(
    { name: "hindcast", version: "1" },
    { capabilities: {}, jsonSchemaValidator: unchecked },
  );
  readonly #transport: Transport;
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
    const world = new McpWorld(name, options, context);
    try {
      const timeout = limits.worldStartMsMax;
      await world.#guarded(signal, () => world.#client.connect(world.#transport, { timeout, signal }));
      world.#tools = await world.#list(signal);
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
        const call = this.#client.callTool({ name, arguments: input }, undefined, { timeout, signal });
        return (await call) as CallToolResult;
      } catch (error) {
        if (!(error instanceof McpError) || !refusals.has(error.code)) throw error;
        return { content: [{ type: "text", text: error.message }], isError: true } satisfies CallToolResult;
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
    const tools = await this.#list(signal);
    if (JSON.stringify(tools) === JSON.stringify(this.#tools)) return null;
    this.#tools = tools;
    return tools;
  }

  async #list(signal: AbortSignal): Promise<ToolDescription[]> {
    const tools: ToolDescription[] = [];
    const timeout = limits.worldStartMsMax;
    let cursor: string | undefined;
    for (let page = 0; page < limits.worldToolPagesMax; page += 1) {
      const listed = await this.#guarded(signal, () =>
        this.#client.listTools(cursor === undefined ? {} : { cursor }, { timeout, signal }),
      );
      tools.push(...listed.tools.flatMap((tool) => this.#described(tool)));
      cursor = listed.nextCursor;
      if (cursor === undefined) return tools;
    }
    throw worldUnavailable(this.#name, `its list of tools has more than ${limits.worldToolPagesMax} pages`);
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
    const code = (error as { code?: unknown }).code;
    const isRefused = typeof code === "number" && code >= 400 && code < 500 && code !== 408 && code !== 429;
    const cause = error instanceof Error && error.cause !== undefined ? `: ${messageOf(error.cause)}` : "";
    const what = `${messageOf(error)}${cause}`;
    return isRefused ? worldUnavailable(this.#name, what, error) : worldLost(this.#name, what, error);
  }
}
