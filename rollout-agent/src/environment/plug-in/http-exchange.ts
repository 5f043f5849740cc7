import type { WorldReply } from "@hindcast/shared";
import type { Asking, Exchange, WorldQuestion } from "./exchange.ts";
import { callHttp } from "./http.ts";
import { readReply } from "./read-reply.ts";

/** A service that answers each request, POSTed to one address, with one reply. */
export class HttpExchange implements Exchange {
  readonly #world: string;
  readonly #session: string;
  readonly #endpoint: { url: string; headers: Readonly<Record<string, string>> };
  #nextId = 1;

  constructor(world: string, endpoint: { url: string; headers: Readonly<Record<string, string>> }, session: string) {
    this.#world = world;
    this.#endpoint = endpoint;
    this.#session = session;
  }

  /** Never sent twice: a step that was lost on the way may have been taken. */
  async ask(question: WorldQuestion, asking: Asking): Promise<WorldReply> {
    const id = this.#nextId++;
    const body = { v: 1, id, session: this.#session, ...question };
    const text = await callHttp({ world: this.#world, ...this.#endpoint, method: "POST", body, ...asking });
    return readReply(this.#world, text, id);
  }

  close(): Promise<void> {
    return Promise.resolve();
  }
}
