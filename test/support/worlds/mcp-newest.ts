// MCP servers of the protocol's newest revision (2026-07-28: no handshake, no sessions) and of no other, made with the
// official SDK: a to-do list as a process (mcp-newest-process.ts) and as a service.
import { once } from "node:events";
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { Readable } from "node:stream";
import { createMcpHandler, inputRequired, McpServer } from "@modelcontextprotocol/server";
import { z } from "zod";
import type { WorldConfiguration } from "../../../rollout-agent/src/environment/plug-in/world-configuration.ts";

const program = new URL("mcp-newest-process.ts", import.meta.url).pathname;

export function newestMcpProcess(): WorldConfiguration {
  const command: [string, ...string[]] = [process.execPath, "--conditions=source", program];
  return { kind: "mcp", command, folder: ".", environment: {}, resetTool: null, deterministic: true };
}

const text = (...parts: string[]) => ({ content: parts.map((part) => ({ type: "text" as const, text: part })) });

/** @param items what it keeps: a service makes a server for each request */
export function newestTodoServer(items: string[]): McpServer {
  const server = new McpServer({ name: "todo", version: "2.0" }, { instructions: "A list of things to do." });
  const title = z.object({ title: z.string().min(1) });
  server.registerTool("add_item", { description: "Adds an item.", inputSchema: title }, ({ title: item }) =>
    text(`Added ${items.push(item)}.`),
  );
  server.registerTool("list_items", { description: "Shows all items." }, () => text(...items));
  server.registerTool(
    "start_with",
    { description: "Sets up.", inputSchema: z.object({ titles: z.array(z.string()) }) },
    ({ titles }) => text(`${items.splice(0, items.length, ...titles).length} items before`),
  );
  const counted = z.object({ count: z.number() });
  server.registerTool("count", { description: "Counts.", outputSchema: counted }, () => ({
    ...text("counted"),
    structuredContent: { count: items.length },
  }));
  server.registerTool("fail", { description: "Fails." }, () => ({ ...text("it is locked"), isError: true }));
  server.registerTool("ask", { description: "Asks its user." }, () =>
    inputRequired({
      inputRequests: { sure: inputRequired.elicit({ message: "Sure?", requestedSchema: z.object({}) }) },
    }),
  );
  return server;
}

export interface NewestMcpService extends AsyncDisposable {
  configuration: WorldConfiguration;
  /** Methods and revisions that were asked for, as their headers say. */
  readonly asked: ReadonlySet<string>;
}

export async function startNewestMcpService(): Promise<NewestMcpService> {
  const items: string[] = [];
  const asked = new Set<string>();
  const handler = createMcpHandler(() => newestTodoServer(items), { legacy: "reject" });
  const server = createServer((request, response) => {
    asked.add(["mcp-method", "mcp-protocol-version"].map((name) => String(request.headers[name])).join(" "));
    const serve = async (): Promise<void> => {
      const answer = await handler.fetch(webRequest(request));
      response.writeHead(answer.status, Object.fromEntries(answer.headers));
      for await (const chunk of answer.body ?? []) response.write(chunk);
      response.end();
    };
    serve().catch((error: unknown) => response.destroy(error as Error));
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`;
  return {
    configuration: { kind: "mcp", url, headers: {}, resetTool: "start_with", deterministic: true },
    asked,
    [Symbol.asyncDispose]: async () => {
      await handler.close();
      const closed = once(server, "close");
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

function webRequest(request: IncomingMessage): Request {
  const headers = Object.entries(request.headers).map(([name, value]): [string, string] => [name, String(value)]);
  const init = { method: request.method ?? "GET", headers };
  const url = `http://${request.headers.host}${request.url}`;
  if (request.method !== "POST") return new Request(url, init);
  return new Request(url, { ...init, body: Readable.toWeb(request) as ReadableStream, duplex: "half" } as RequestInit);
}
