// A provider's HTTP service in miniature, for the official SDKs to talk to. This file is the server and the script; a
// `Wire` (anthropic.ts, gemini.ts, openai.ts) is one provider's protocol: what it refuses, and how answers and errors
// look. Token counts follow one stated rule, UTF-8 bytes divided by four, rounded up per text.
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { setImmediate as nextTurn } from "node:timers/promises";

export interface RecordedRequest {
  method: string;
  path: string;
  headers: Record<string, string>;
  body: Record<string, unknown>;
}

export interface Answer {
  kind: "answer";
  text: string;
  thinking?: string;
  /** @default "end" */
  stop?: "end" | "output-limit" | "refusal" | "context-overflow" | "paused";
  /** Keep-alive events before the first word, where the protocol has them. */
  pings?: number;
  headers?: Record<string, string>;
}

export type FailureReason =
  | "rate-limit"
  | "spend-limit"
  | "overloaded"
  | "server-error"
  | "conflict"
  | "prompt-too-long"
  | "too-large"
  | "key-revoked";

export interface Failure {
  kind: "failure";
  reason: FailureReason;
  retryAfterSeconds?: number;
  headers?: Record<string, string>;
}

/** What the test wants to happen to the next acceptable request. */
export type Reply =
  | Answer
  | Failure
  /** An answer that goes wrong on the way: after half of its text, where the protocol streams. */
  | { kind: "broken"; how: "error-event" | "cut" | "unfinished" | "not-json" }
  | { kind: "raw"; reply: HttpReply }
  /** Accepts the request and never answers. */
  | { kind: "silence" };

export type Script = Reply | ((request: RecordedRequest) => Reply | Promise<Reply>);

export interface HttpReply {
  status: number;
  headers: Record<string, string>;
  /** Written one after the other, each in an event-loop turn of its own. */
  frames: string[];
  /** The connection is cut instead of ended. */
  isCut?: boolean;
}

export interface Wire {
  /** What the real service answers to a request that it does not accept; null for an acceptable one. */
  refuse(request: RecordedRequest): HttpReply | null;
  answer(request: RecordedRequest, answer: Answer): HttpReply;
  failure(request: RecordedRequest, failure: Failure): HttpReply;
  /** The frame by which a stream reports an error; null where the request is unary. */
  errorFrame(request: RecordedRequest): string | null;
  /** Endpoints that are no single question and answer, e.g. batches; null for a request that is not for them. */
  serve?(request: RecordedRequest, surroundings: Surroundings): Promise<HttpReply | null>;
}

export interface Surroundings {
  /** Of the emulator, without a path. */
  url: string;
  /** The request's body as it came. */
  text: string;
  /** What the script has for a request that did not come by itself. */
  reply: (request: RecordedRequest) => Promise<Reply>;
}

export interface Emulator extends AsyncDisposable {
  /** Without a path. */
  readonly url: string;
  /** The only key that it accepts. */
  readonly apiKey: string;
  /** Every request that arrived, refused ones included. */
  readonly requests: RecordedRequest[];
  /** Adds to the script; each acceptable request takes one entry. */
  reply(...script: Script[]): void;
  /** Answers whatever the script does not cover. */
  replyAlways(script: Script): void;
}

export async function startEmulator(wire: Wire, apiKey: string): Promise<Emulator> {
  const requests: RecordedRequest[] = [];
  const script: Script[] = [];
  let always: Script = { kind: "raw", reply: json(418, { error: { message: "the test's script has ended" } }) };
  const server = createServer((incoming, response) => {
    void serve(incoming, response).catch((error: unknown) => response.destroy(error as Error));
  });
  const scripted = async (request: RecordedRequest): Promise<Reply> => {
    const next = script.shift() ?? always;
    return typeof next === "function" ? await next(request) : next;
  };
  const serve = async (incoming: IncomingMessage, response: ServerResponse): Promise<void> => {
    const { request, text } = await recordedFrom(incoming);
    requests.push(request);
    const served = await wire.serve?.(request, { url: `http://${incoming.headers.host}`, text, reply: scripted });
    if (served !== undefined && served !== null) return send(response, served);
    const refusal = wire.refuse(request);
    if (refusal !== null) return send(response, refusal);
    const reply = await scripted(request);
    if (reply.kind !== "silence") await send(response, render(wire, request, reply));
  };
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    apiKey,
    requests,
    reply: (...added) => void script.push(...added),
    replyAlways: (added) => void (always = added),
    [Symbol.asyncDispose]: () => close(server),
  };
}

/** A JSON answer in one piece. */
export function json(status: number, body: unknown, headers: Record<string, string> = {}): HttpReply {
  return { status, headers: { "content-type": "application/json", ...headers }, frames: [JSON.stringify(body)] };
}

/** Splits a text as a stream would bring it, never inside a surrogate pair. */
export function pieces(text: string): string[] {
  return text.match(/.{1,24}/gsu) ?? [];
}

function render(wire: Wire, request: RecordedRequest, reply: Exclude<Reply, { kind: "silence" }>): HttpReply {
  switch (reply.kind) {
    case "answer":
      return wire.answer(request, reply);
    case "failure":
      return wire.failure(request, reply);
    case "raw":
      return reply.reply;
    case "broken": {
      const whole = wire.answer(request, { kind: "answer", text: "This answer will not be finished. ".repeat(4) });
      const half = whole.frames.slice(0, Math.ceil(whole.frames.length / 2));
      const errorFrame = wire.errorFrame(request);
      if (errorFrame === null) return brokenUnary(whole, reply.how);
      if (reply.how === "cut") return { ...whole, frames: half, isCut: true };
      if (reply.how === "unfinished") return { ...whole, frames: half };
      return { ...whole, frames: [...half, reply.how === "error-event" ? errorFrame : 'data: {"broken\n\n'] };
    }
  }
}

/** A unary answer has no middle: it is cut, or its JSON is. */
function brokenUnary(whole: HttpReply, how: "error-event" | "cut" | "unfinished" | "not-json"): HttpReply {
  const frames = [whole.frames.join("").slice(0, 40)];
  return { ...whole, frames, isCut: how === "cut" || how === "error-event" };
}

async function send(response: ServerResponse, { status, headers, frames, isCut }: HttpReply): Promise<void> {
  response.writeHead(status, headers);
  for (const frame of frames) {
    response.write(frame);
    await nextTurn();
  }
  if (isCut === true) response.destroy();
  else response.end();
}

async function recordedFrom(incoming: IncomingMessage): Promise<{ request: RecordedRequest; text: string }> {
  const chunks: Buffer[] = [];
  for await (const chunk of incoming) chunks.push(chunk as Buffer);
  const headers = Object.entries(incoming.headers).map(([name, value]) => [name, String(value)] as const);
  const text = Buffer.concat(chunks).toString("utf8");
  const request = {
    method: incoming.method ?? "",
    path: incoming.url ?? "",
    headers: Object.fromEntries(headers),
    body: bodyOf(text),
  };
  return { request, text };
}

function bodyOf(text: string): Record<string, unknown> {
  try {
    return JSON.parse(text) as Record<string, unknown>;
  } catch {
    return { malformed: text };
  }
}

async function close(server: Server): Promise<void> {
  const closed = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await closed;
}
