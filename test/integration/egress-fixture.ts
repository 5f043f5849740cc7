// An egress proxy with a client in front of it and real servers behind it.
import { once } from "node:events";
import {
  createServer as createHttp,
  type IncomingMessage,
  request,
  type RequestListener,
  type Server,
} from "node:http";
import { createServer as createHttps } from "node:https";
import { connect, createServer, type Server as NetServer, type Socket } from "node:net";
import { text } from "node:stream/consumers";
import { type EgressRecord, NetworkPolicy, type ProxyPolicy } from "@hindcast/shared";
import { afterEach } from "vitest";
import { EgressProxy } from "../../rollout-agent/src/egress/egress-proxy.ts";
import type { TestCertificate } from "../support/certificate.ts";

const closers: (() => void)[] = [];

afterEach(() => {
  for (const close of closers.splice(0)) close();
});

export function portOf(server: NetServer | Server): number {
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("the server has no port");
  return address.port;
}

async function listening(server: NetServer): Promise<number> {
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  closers.push(() => server.close());
  return portOf(server);
}

/** A real HTTP server; what it was asked is kept. */
export async function aSite(
  handler: RequestListener,
  tls?: TestCertificate,
): Promise<{ port: number; asked: Asked[] }> {
  const asked: Asked[] = [];
  const listener: RequestListener = (incoming, response) => {
    void text(incoming).then(
      (body) => {
        asked.push({ method: incoming.method, url: incoming.url, headers: incoming.headers, body });
        handler(incoming, response);
      },
      () => response.destroy(),
    );
  };
  const server = tls === undefined ? createHttp(listener) : createHttps(tls, listener);
  const port = await listening(server);
  closers.push(() => server.closeAllConnections());
  return { port, asked };
}

export interface Asked {
  method: string | undefined;
  url: string | undefined;
  headers: IncomingMessage["headers"];
  body: string;
}

export interface TestProxy {
  proxy: EgressProxy;
  port: number;
  records: EgressRecord[];
  /** Asks as curl would: a whole URL in the request line. */
  get: (url: string, options?: Partial<Ask>) => Promise<Answer>;
  /** A connection to the proxy. */
  raw: () => Promise<Socket>;
}

export interface Ask {
  method: string;
  headers: Record<string, string>;
  body: string;
}

export interface Answer {
  status: number;
  headers: IncomingMessage["headers"];
  body: string;
}

type Extra = Partial<ConstructorParameters<typeof EgressProxy>[0]>;

export async function aProxy(policy: Record<string, unknown>, extra: Extra = {}): Promise<TestProxy> {
  const records: EgressRecord[] = [];
  const proxy = new EgressProxy({
    policy: NetworkPolicy.parse({ kind: "proxy", ...policy }) as ProxyPolicy,
    secrets: new Map(),
    onRecord: (record) => records.push(record),
    ...extra,
  });
  closers.push(() => proxy.close());
  const server = createServer({ allowHalfOpen: true }, (socket) => proxy.accept(socket));
  const port = await listening(server);
  return {
    proxy,
    port,
    records,
    get: (url, options) => ask(port, url, options),
    raw: async () => {
      const socket = connect(port, "127.0.0.1");
      await once(socket, "connect");
      closers.push(() => socket.destroy());
      return socket;
    },
  };
}

async function ask(
  port: number,
  url: string,
  { method = "GET", headers = {}, body = "" }: Partial<Ask> = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const sent = request({ host: "127.0.0.1", port, path: url, method, headers, agent: false }, resolve);
  sent.on("error", reject);
  sent.end(body);
  const answer = await promise;
  return { status: answer.statusCode ?? 0, headers: answer.headers, body: await text(answer) };
}
