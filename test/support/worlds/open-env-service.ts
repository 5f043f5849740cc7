// A service that speaks OpenEnv's wire form (src/openenv/core/env_server/http_server.py and types.py): a session per
// WebSocket, and over HTTP either one environment for all (older services) or none that lasts. The world is a counter, whose
// actions are numbers to add or, as in OpenEnv's own environments of tools (mcp_types.py), calls of its tools.
import { randomUUID } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { WebSocketServer, type WebSocket } from "ws";
import { bodyOf } from "./agent-gym-service.ts";

export interface OpenEnvService extends AsyncDisposable {
  url: string;
  readonly sessions: number;
}

interface Counter {
  episode_id: string;
  step_count: number;
  total: number;
}

const actionSchema = {
  type: "object",
  properties: {
    metadata: { type: "object" },
    amount: { type: "integer", description: "What to add" },
  },
  required: ["amount"],
  additionalProperties: false,
};

const toolActionSchema = {
  type: "object",
  properties: {
    metadata: { type: "object" },
    type: { const: "call_tool", default: "call_tool", type: "string" },
    tool_name: { type: "string" },
    arguments: { type: "object" },
  },
  required: ["tool_name"],
  additionalProperties: false,
};
const tools = [
  {
    name: "add",
    description: "Adds a number.",
    input_schema: { type: "object", properties: { amount: { type: "integer" } }, required: ["amount"] },
  },
  { name: "break", description: "Breaks.", input_schema: { type: "object", properties: {} } },
];

class Environment {
  state: Counter = { episode_id: randomUUID(), step_count: 0, total: 0 };

  reset({ seed = 0, episode_id = randomUUID() }: { seed?: number; episode_id?: string }): object {
    this.state = { episode_id, step_count: 0, total: seed };
    return this.#shown(null, false);
  }

  /** Null: the action is not one. */
  step(action: Record<string, unknown>): object | null {
    const { type, tool_name: tool, arguments: input } = action;
    if (type === "list_tools") return { observation: { tools }, reward: null, done: false };
    if (type === "call_tool") return this.#call(String(tool), input as Record<string, unknown>);
    if (typeof action["amount"] !== "number") return null;
    if (action["amount"] === 13) throw new Error("13 is unlucky");
    this.state.step_count += 1;
    this.state.total += action["amount"];
    return this.#shown(this.state.total / 10, this.state.total >= 10);
  }

  /** As FastMCP's result comes out of OpenEnv's serialization. */
  #call(tool_name: string, input: Record<string, unknown>): object {
    if (tool_name === "break") {
      const error = { error_type: "execution_error", message: "it broke" };
      return { observation: { tool_name, result: null, error }, reward: null, done: false };
    }
    this.state.total += Number(input["amount"]);
    const { total } = this.state;
    const content = [{ type: "text", text: String(total), annotations: null, meta: null }];
    const result = { content, structured_content: { result: total }, meta: null, data: total, is_error: false };
    return { observation: { tool_name, result, error: null }, reward: total / 10, done: total >= 10 };
  }

  #shown(reward: number | null, done: boolean): object {
    return { observation: { total: this.state.total, steps: this.state.step_count }, reward, done };
  }
}

export async function startOpenEnv({ capacity = 2, hasTools = false } = {}): Promise<OpenEnvService> {
  const shared = new Environment();
  let sessions = 0;
  const server = createServer((request, response) => {
    const answer = (status: number, value: unknown): void => {
      response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(value));
    };
    void bodyOf(request).then((text) => {
      const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
      switch (`${request.method} ${request.url}`) {
        case "GET /schema":
          return answer(200, { action: hasTools ? toolActionSchema : actionSchema, observation: {}, state: {} });
        case "GET /metadata":
          return answer(200, { name: "counter", description: "Adds numbers.", version: null, author: null });
        case "POST /reset":
          return answer(200, shared.reset(body));
        case "GET /state":
          return answer(200, shared.state);
        case "POST /step": {
          const result = shared.step(body["action"] as Record<string, unknown>);
          return result === null ? answer(422, { detail: [{ msg: "Field required" }] }) : answer(200, result);
        }
        default:
          return answer(404, { detail: "Not Found" });
      }
    });
  });
  const sockets = new WebSocketServer({ server, path: "/ws" });
  sockets.on("connection", (socket) => {
    if (sessions >= capacity) {
      send(socket, "error", { message: "all sessions are taken", code: "CAPACITY_REACHED" });
      return socket.close();
    }
    sessions += 1;
    socket.on("close", () => (sessions -= 1));
    serveSession(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    get sessions() {
      return sessions;
    },
    [Symbol.asyncDispose]: async () => {
      for (const client of sockets.clients) client.terminate();
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

function send(socket: WebSocket, type: string, data: unknown): void {
  socket.send(JSON.stringify({ type, data }));
}

function serveSession(socket: WebSocket): void {
  const environment = new Environment();
  socket.on("message", (bytes: Buffer) => {
    const { type, data = {} } = JSON.parse(bytes.toString()) as { type: string; data?: Record<string, unknown> };
    try {
      if (type === "reset") return send(socket, "observation", environment.reset(data));
      if (type === "state") return send(socket, "state", environment.state);
      if (type === "close") return socket.close();
      if (data["amount"] === 99) return;
      if (data["amount"] === 98) return socket.terminate();
      const result = environment.step(data);
      if (result !== null) return send(socket, "observation", result);
      send(socket, "error", {
        message: "Invalid message",
        code: "VALIDATION_ERROR",
        errors: [{ msg: "Field required" }],
      });
    } catch (error) {
      send(socket, "error", { message: String(error), code: "EXECUTION_ERROR" });
    }
  });
}
