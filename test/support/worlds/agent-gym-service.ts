// A service that speaks AgentGym's HTTP, in dialects of its environments: TextCraft's (an object with `id`, `data_idx`,
// `observation`), WebShop's (a bare number, `env_idx`, `session_id`, `state`, and an observation that has to be asked for),
// SciWorld's (a task's description, and a score of 100 beside each step's reward), WebArena's (`terminated` instead of
// `done`) and ALFWorld's (what may be done now). The world: count to the number of the task.
import { createServer, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";

export interface GymService extends AsyncDisposable {
  url: string;
  /** Paths of all requests, with their bodies. */
  readonly requests: string[];
  readonly open: ReadonlySet<number>;
}

interface Count {
  goal: number;
  at: number;
}

export type GymDialect = "textcraft" | "webshop" | "sciworld" | "webarena" | "alfworld";

const keys: Record<GymDialect, [id: string, index: string, text: string]> = {
  textcraft: ["id", "data_idx", "observation"],
  webshop: ["env_idx", "session_id", "state"],
  sciworld: ["id", "data_idx", "observation"],
  webarena: ["env_idx", "idx", "observation"],
  alfworld: ["id", "game", "observation"],
};

export async function startAgentGym(dialect: GymDialect): Promise<GymService> {
  const worlds = new Map<number, Count>();
  const requests: string[] = [];
  const isShop = dialect === "webshop";
  const [idKey, indexKey, textKey] = keys[dialect];
  const more = {
    ...(dialect === "alfworld" && { available_actions: ["up", "look"] }),
  };
  let next = 0;
  const shown = ({ goal, at }: Count): string => `You are at ${at} and want ${goal}.`;

  const answer = (path: string, query: URLSearchParams, body: Record<string, unknown>): unknown => {
    if (path === "/create") {
      worlds.set(next, { goal: 0, at: 0 });
      return isShop ? next++ : { [idKey]: next++, ...(dialect === "textcraft" && { observation: "created" }) };
    }
    const id = Number(body[idKey] ?? query.get(idKey));
    const world = worlds.get(id);
    if (world === undefined) return undefined;
    switch (path) {
      case "/reset":
        if (Number(body[indexKey]) > 99) return { error: "there is no such task" };
        worlds.set(id, { goal: Number(body[indexKey]), at: 0 });
        if (isShop) return [null, {}];
        return {
          ...(dialect === "sciworld" && { task_description: "Your task is to count." }),
          observation: shown(worlds.get(id) ?? world),
          reward: 0,
          ...more,
        };
      case "/observation":
        return shown(world);
      case "/step": {
        const end = dialect === "webarena" ? "terminated" : "done";
        if (body["action"] !== "up") return { [textKey]: "Nothing happens.", reward: 0, [end]: false, ...more };
        world.at += 1;
        const isThere = world.at === world.goal;
        const score = (100 * world.at) / world.goal;
        const given = dialect === "sciworld" ? { reward: 100 / world.goal, score } : { reward: isThere ? 1 : 0 };
        return { [textKey]: shown(world), ...given, [end]: isThere, ...more };
      }
      case "/close":
        return worlds.delete(id);
      default:
        return undefined;
    }
  };

  const server = createServer((request, response) => {
    const url = new URL(request.url ?? "/", "http://localhost");
    void bodyOf(request).then((text) => {
      requests.push(`${url.pathname}${url.search} ${text}`.trim());
      const body = text === "" ? {} : (JSON.parse(text) as Record<string, unknown>);
      const value = answer(url.pathname, url.searchParams, body);
      response.writeHead(value === undefined ? 404 : 200, { "content-type": "application/json" });
      response.end(JSON.stringify(value ?? { detail: "Not Found" }));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    requests,
    get open() {
      return new Set(worlds.keys());
    },
    [Symbol.asyncDispose]: async () => {
      const closed = new Promise((resolve) => server.close(resolve));
      server.closeAllConnections();
      await closed;
    },
  };
}

export async function bodyOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString("utf8");
}
