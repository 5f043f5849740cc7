// The NATS client protocol, seen from the server: https://docs.nats.io/reference/reference-protocols/nats-protocol.

export interface Message {
  subject: string;
  reply: string | null;
  /** In the order in which they came; names as they were written. */
  headers: [name: string, value: string][];
  /** `NATS/1.0` alone, or with a status such as `404 No Messages`. */
  status: string;
  data: Uint8Array;
}

export type Command =
  | { kind: "connect" | "ping" | "pong" }
  | { kind: "publish"; message: Message }
  | { kind: "subscribe"; subject: string; queue: string | null; sid: string }
  | { kind: "unsubscribe"; sid: string; after: number | null };

export function message(subject: string, data: Uint8Array | string, more: Partial<Message> = {}): Message {
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  return { subject, data: bytes, reply: null, headers: [], status: "", ...more };
}

export const headerOf = ({ headers }: Pick<Message, "headers">, name: string): string | null =>
  headers.find(([key]) => key.toLowerCase() === name.toLowerCase())?.[1] ?? null;

const crlf = "\r\n";

/** Turns what a client sends into commands, across the borders of its frames. */
export class CommandReader {
  #rest: Buffer = Buffer.alloc(0);

  *read(frame: Uint8Array): Generator<Command> {
    this.#rest = this.#rest.length === 0 ? Buffer.from(frame) : Buffer.concat([this.#rest, frame]);
    for (;;) {
      const end = this.#rest.indexOf(crlf);
      if (end === -1) return;
      const words = this.#rest.toString("latin1", 0, end).split(/\s+/);
      const verb = words[0]!.toUpperCase();
      if (verb !== "PUB" && verb !== "HPUB") {
        this.#rest = this.#rest.subarray(end + 2);
        const command = shortCommand(verb, words);
        if (command !== null) yield command;
        continue;
      }
      const size = Number(words.at(-1));
      if (this.#rest.length < end + 2 + size + 2) return;
      const payload = this.#rest.subarray(end + 2, end + 2 + size);
      this.#rest = this.#rest.subarray(end + 2 + size + 2);
      yield { kind: "publish", message: published(verb, words, payload) };
    }
  }
}

function shortCommand(verb: string, words: string[]): Command | null {
  switch (verb) {
    case "CONNECT":
      return { kind: "connect" };
    case "PING":
      return { kind: "ping" };
    case "PONG":
      return { kind: "pong" };
    case "SUB": {
      const [, subject = "", second = "", third] = words;
      const sid = third ?? second;
      return { kind: "subscribe", subject, queue: third === undefined ? null : second, sid };
    }
    case "UNSUB":
      return { kind: "unsubscribe", sid: words[1] ?? "", after: words[2] === undefined ? null : Number(words[2]) };
    default:
      return null;
  }
}

function published(verb: string, words: string[], payload: Buffer): Message {
  const [, subject = ""] = words;
  if (verb === "PUB") return message(subject, payload, { reply: words.length > 3 ? words[2]! : null });
  const headBytes = Number(words.at(-2));
  const head = payload.toString("utf8", 0, headBytes).split(crlf);
  const headers = head.slice(1).flatMap((line): [string, string][] => {
    const colon = line.indexOf(":");
    return colon === -1 ? [] : [[line.slice(0, colon), line.slice(colon + 1).trim()]];
  });
  return message(subject, payload.subarray(headBytes), { reply: words.length > 4 ? words[2]! : null, headers });
}

/** A message as the client with this subscription receives it. */
export function delivery({ subject, reply, headers, status, data }: Message, sid: string): Buffer {
  const to = `${subject} ${sid}${reply === null ? "" : ` ${reply}`}`;
  if (headers.length === 0 && status === "") {
    return Buffer.concat([Buffer.from(`MSG ${to} ${data.length}${crlf}`), data, Buffer.from(crlf)]);
  }
  const lines = headers.map(([name, value]) => `${name}: ${value}${crlf}`).join("");
  const head = Buffer.from(`NATS/1.0${status === "" ? "" : ` ${status}`}${crlf}${lines}${crlf}`);
  const line = `HMSG ${to} ${head.length} ${head.length + data.length}${crlf}`;
  return Buffer.concat([Buffer.from(line), head, data, Buffer.from(crlf)]);
}
