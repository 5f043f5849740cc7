// CONNECT: bytes between the sandbox and one host, once the sandbox has greeted that host by its name.
import type { IncomingMessage } from "node:http";
import { connect, type Socket } from "node:net";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { limits, messageOf } from "@hindcast/shared";
import { type Admitted, deadlineOf, type EgressContext, Exchange, NotServed } from "./exchange.ts";
import { parseTarget } from "./rule-matcher.ts";
import { greetingIn } from "./server-name.ts";
import { onlyTo } from "./upstream.ts";

const reasons = { 400: "Bad Request", 403: "Forbidden", 502: "Bad Gateway", 504: "Gateway Timeout" } as const;

export interface TunnelRequest {
  request: IncomingMessage;
  /** The sandbox's side. */
  client: Duplex;
  /** What it has sent already. */
  head: Buffer;
}

export async function tunnel(context: EgressContext, { request, client, head }: TunnelRequest): Promise<void> {
  const authority = request.url ?? "";
  const target = parseTarget(authority, "tunnel");
  // The URL of `host:80` names no port, because that is the default.
  const port = target === null ? null : Number(authority.slice(authority.lastIndexOf(":") + 1));
  const destination = { form: "tunnel", method: "CONNECT", host: target?.host ?? "", port } as const;
  const exchange = new Exchange(context, { ...destination, path: "" });
  client.on("error", () => client.destroy());
  let isOpen = false;
  try {
    if (target === null) throw new NotServed(400, "a tunnel is asked for as host:port");
    const admitted = await exchange.admit(destination);
    const upstream = await dial(target.host, admitted);
    isOpen = true;
    await carry({ exchange, client, head, upstream, host: target.host, timeMsMax: admitted.rule.timeMsMax });
    exchange.finish();
  } catch (error) {
    exchange.finish(error);
    if (isOpen) client.destroy();
    else refuse(client, error);
  }
}

async function dial(host: string, { port, addresses }: Admitted): Promise<Socket> {
  const socket = connect({ host, port, lookup: onlyTo(addresses), autoSelectFamily: true, allowHalfOpen: true });
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const timer = setTimeout(() => reject(new Error("no connection in time")), limits.egressConnectMs);
  socket.once("connect", resolve);
  socket.on("error", reject);
  try {
    await promise;
    return socket;
  } catch (error) {
    socket.destroy();
    throw new NotServed(502, `${host}:${port} could not be reached: ${messageOf(error)}`);
  } finally {
    clearTimeout(timer);
  }
}

interface Carried {
  exchange: Exchange;
  client: Duplex;
  head: Buffer;
  upstream: Socket;
  host: string;
  timeMsMax: number;
}

async function carry({ exchange, client, head, upstream, host, timeMsMax }: Carried): Promise<void> {
  const deadline = deadlineOf(timeMsMax);
  const { signal } = deadline;
  try {
    exchange.status = 200;
    client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
    const greeting = await greetingOf(client, head, signal);
    const found = greetingIn(greeting);
    const name = found === "incomplete" ? null : found.name;
    if (name !== host) {
      throw new NotServed(403, `a tunnel to ${host} carries TLS to ${host}, not to ${JSON.stringify(name)}`);
    }
    exchange.sent.count(greeting.byteLength);
    upstream.write(greeting);
    await Promise.all([
      pipeline([client, exchange.sent.stream(), upstream], { signal }),
      pipeline([upstream, exchange.received.stream(), client], { signal }),
    ]);
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    deadline.stop();
    upstream.destroy();
  }
}

/** The first bytes, up to where the name can be read or it is clear that there is none. */
async function greetingOf(client: Duplex, head: Buffer, signal: AbortSignal): Promise<Buffer> {
  let greeting = head;
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const read = (chunk: Buffer): void => {
    greeting = Buffer.concat([greeting, chunk]);
    if (greetingIn(greeting) !== "incomplete" || greeting.byteLength > limits.egressHelloBytesMax) resolve();
  };
  const ended = (): void => reject(new NotServed(403, "the tunnel was closed before a TLS greeting"));
  const aborted = (): void => reject(signal.reason as Error);
  const timer = setTimeout(() => reject(new NotServed(403, "no TLS greeting in time")), limits.egressHelloMs);
  client.on("data", read).once("end", ended).once("close", ended);
  signal.addEventListener("abort", aborted, { once: true });
  read(Buffer.alloc(0));
  try {
    await promise;
    return greeting;
  } finally {
    clearTimeout(timer);
    client.pause();
    client.off("data", read).off("end", ended).off("close", ended);
    signal.removeEventListener("abort", aborted);
  }
}

function refuse(client: Duplex, error: unknown): void {
  const status = error instanceof NotServed ? error.status : 502;
  const text = `egress refused: ${messageOf(error)}\n`;
  const head = `HTTP/1.1 ${status} ${reasons[status]}\r\nContent-Type: text/plain; charset=utf-8\r\n`;
  client.end(`${head}Content-Length: ${Buffer.byteLength(text)}\r\nConnection: close\r\n\r\n${text}`);
}
