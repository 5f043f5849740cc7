// A service that speaks AgentGym's HTTP, in the two dialects of its environments: TextCraft's (an object with `id`,
// `data_idx`, `observation`) and WebShop's (a bare number, `env_idx`, `session_id`, `state`, and an observation that has
// to be asked for). The world: count to the number of the task.
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

export async function startAgentGym(dialect: "textcraft" | "webshop"): Promise<GymService> {
  const worlds = new Map<number, Count>();
  const requests: string[] = [];
  const isShop = dialect === "webshop";
  const [idKey, indexKey, textKey] = isShop ? ["env_idx", "session_id", "state"] : ["id", "data_idx", "observation"];
  let next = 0;
  const shown = ({ goal, at }: Count): string => `You are at ${at} and want ${goal}.`;

  const answer = (path: string, query: URLSearchParams, body: Record<string, unknown>): unknown => {
    if (path === "/create") {
      worlds.set(next, { goal: 0, at: 0 });
      return isShop ? next++ : { id: next++, observation: "created" };
    }
    const id = Number(body[idKey] ?? query.get(idKey));
    const world = worlds.get(id);
    if (world === undefined) return undefined;
    switch (path) {
      case "/reset":
        if (Number(body[indexKey]) > 99) return { error: "there is no such task" };
        worlds.set(id, { goal: Number(body[indexKey]), at: 0 });
        return isShop ? [null, {}] : { observation: shown(worlds.get(id) ?? world), reward: 0, done: false };
      case "/observation":
        return shown(world);
      case "/step": {
        if (body["action"] !== "up") return { [textKey]: "Nothing happens.", reward: 0, done: false };
        world.at += 1;
        const done = world.at === world.goal;
        return { [textKey]: shown(world), reward: done ? 1 : 0, done };
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
