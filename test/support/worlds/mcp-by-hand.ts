// An MCP server without any SDK, of revision 2025-06-18, that does what the protocol allows and SDKs do not do, or what it
// does not allow and servers do. Its one argument says what.
import { createInterface } from "node:readline";

type Message = { id?: number; method?: string; params?: Record<string, unknown> };

const [, , habit = ""] = process.argv;
const say = (message: object): void => void process.stdout.write(`${JSON.stringify({ jsonrpc: "2.0", ...message })}\n`);
const named = (name: string): object => ({ name, description: `Is ${name}.`, inputSchema: { type: "object" } });
/** Its schema promises what it does not give. */
const promising = { ...named("promising"), outputSchema: { type: "object", required: ["sum"] } };
let isGreeted = false;

const results: Record<string, (params: Record<string, unknown>) => object> = {
  initialize: () => ({
    protocolVersion: "2025-06-18",
    capabilities: { tools: {} },
    serverInfo: { name: "by-hand", version: "1" },
  }),
  ping: () => ({}),
  "tools/list": ({ cursor }) => {
    if (habit === "endless") return { tools: [], nextCursor: `${String(cursor)}.` };
    if (cursor === undefined) return { tools: [named("first")], nextCursor: "two of two" };
    return cursor === "two of two" ? { tools: [named("second"), promising] } : { tools: [] };
  },
  "tools/call": ({ name }) => {
    say({ method: "notifications/message", params: { level: "info", data: "about to answer" } });
    say({ method: "notifications/unheard-of", params: {} });
    if (name === "promising") return { content: [{ type: "text", text: "no sum today" }] };
    if (name === "second") return { content: [], structuredContent: { b: 2 } };
    const text = { type: "text", text: '{"a": 1}' };
    return { content: [text], structuredContent: { a: 1 } };
  },
};

createInterface({ input: process.stdin }).on("line", (line) => {
  const { id, method = "", params = {} } = JSON.parse(line) as Message;
  if (method === "initialize") isGreeted = true;
  if (!isGreeted && habit === "ends") process.exit(1);
  if (!isGreeted && habit === "silent") return;
  if (id === undefined) return;
  const result = results[method];
  if (result === undefined) return say({ id, error: { code: -32601, message: `Method not found: ${method}` } });
  // Requests go the other way, too, before the answer comes.
  if (method === "tools/call") say({ id: `q${id}`, method: "ping" });
  if (method === "tools/call" && params["name"] === "first" && habit === "refuses") {
    return say({ id, error: { code: -32050, message: "closed on Sundays" } });
  }
  say({ id, result: result(params) });
});
