// An MCP server made with the official SDK: a to-do list that can also misbehave. As a process (mcp-todo-process.ts) and
// as a service, in which each session has a list of its own.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { McpServer } from "@modelcontextprotocol/sdk/server/mcp.js";
import { StreamableHTTPServerTransport } from "@modelcontextprotocol/sdk/server/streamableHttp.js";
import type { Transport } from "@modelcontextprotocol/sdk/shared/transport.js";
import { z } from "zod";
import type { WorldConfiguration } from "../../../rollout-agent/src/environment/plug-in/world-configuration.ts";

type McpConfiguration = Extract<WorldConfiguration, { kind: "mcp"; command: unknown }>;

const program = new URL("mcp-todo-process.ts", import.meta.url).pathname;

export function mcpProcess(more: Partial<McpConfiguration> = {}): McpConfiguration {
  return {
    kind: "mcp",
    command: [process.execPath, "--conditions=source", program],
    folder: ".",
    environment: { TOKEN: "configured" },
    resetTool: null,
    deterministic: true,
    ...more,
  };
}

export function mcpService(
  url: string,
  headers: Record<string, string | { file: string }> = {},
): Extract<WorldConfiguration, { kind: "mcp"; url: string }> {
  return { kind: "mcp", url, headers, resetTool: null, deterministic: true };
}

const text = (...parts: string[]) => ({ content: parts.map((part) => ({ type: "text" as const, text: part })) });

export function todoServer(): McpServer {
  const server = new McpServer({ name: "todo", version: "1.2" }, { instructions: "A list of things to do." });
  const items: string[] = [];
  server.registerTool(
    "add_item",
    { description: "Adds an item.", inputSchema: { title: z.string().min(1) } },
    ({ title }) => text(`Added ${items.push(title)}.`),
  );
  server.registerTool("list_items", { description: "Shows all items." }, () => text(...items));
  server.registerTool(
    "start_with",
    { description: "Sets up.", inputSchema: { titles: z.array(z.string()) } },
    ({ titles }) => {
      if (titles.length > 3) return { ...text("too many titles"), isError: true };
      items.push(...titles);
      return text(`${items.length} items`);
    },
  );
  server.registerTool("fail", { description: "Fails." }, () => ({ ...text("it is locked"), isError: true }));
  server.registerTool("break", { description: "Breaks." }, () => {
    throw new Error("a fault of the server's");
  });
  server.registerTool("draw", { description: "Draws." }, () => ({
    content: [
      { type: "text", text: "drawn" },
      { type: "image", data: Buffer.from("pixels").toString("base64"), mimeType: "image/png" },
      { type: "resource_link", uri: "todo://1", name: "first" },
      { type: "resource", resource: { uri: "todo://2", text: "second" } },
    ],
  }));
  server.registerTool("shout", { description: "Says much." }, () => text("x".repeat(100_000)));
  server.registerTool("flood", { description: "Says too much." }, () => text("x".repeat(9 * 1024 * 1024)));
  server.registerTool("variables", { description: "Shows variables." }, () => text(JSON.stringify(process.env)));
  server.registerTool("die", { description: "Ends." }, () => process.exit(4));
  server.registerTool("hang", { description: "Never answers." }, () => new Promise<never>(() => undefined));
  server.registerTool("chat", { description: "Writes a line that is no message." }, () => {
    process.stdout.write("debug: chatting\n");
    return text("chatted");
  });
  const grow = server.registerTool("grow", { description: "Grows a tool." }, () => {
    server.registerTool("fruit", { description: "Grown." }, () => text("sweet"));
    grow.remove();
    return text("grown");
  });
  return server;
}

export interface McpService extends AsyncDisposable {
  url: string;
  /** Authorization headers of all requests. */
  readonly authorizations: ReadonlySet<string>;
  /** Sessions that are open. */
  readonly sessions: ReadonlyMap<string, unknown>;
}

export async function startMcpService(): Promise<McpService> {
  const sessions = new Map<string, StreamableHTTPServerTransport>();
  const authorizations = new Set<string>();
  const begin = async (): Promise<StreamableHTTPServerTransport> => {
    const transport = new StreamableHTTPServerTransport({
      sessionIdGenerator: randomUUID,
      onsessioninitialized: (id) => void sessions.set(id, transport),
      onsessionclosed: (id) => void sessions.delete(id),
    });
    await todoServer().connect(transport as Transport);
    return transport;
  };
  const server = createServer((request, response) => {
    authorizations.add(request.headers.authorization ?? "");
    const id = request.headers["mcp-session-id"];
    const known = typeof id === "string" ? sessions.get(id) : undefined;
    const serve = async (): Promise<void> => (known ?? (await begin())).handleRequest(request, response);
    serve().catch((error: unknown) => response.destroy(error as Error));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}/mcp`,
    authorizations,
    sessions,
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}
