// The operator's port of a process: /metrics for Prometheus, /healthz (is it alive) and /readyz (may it get work).
import { createServer, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import type { Registry } from "prom-client";

export interface AdminServerOptions {
  /** 0 takes a free port. */
  port: number;
  /** @default "127.0.0.1" */
  host?: string;
  registry: Registry;
  /** False while starting and from the moment draining begins. */
  isReady: () => boolean;
  /** False only where a restart would help. @default always true */
  isHealthy?: () => boolean;
}

export interface AdminServer extends AsyncDisposable {
  readonly port: number;
  close(): Promise<void>;
}

/** Scrapes are small; a client that keeps one open longer than this is cut off. */
const requestTimeoutMs = 10_000;

export async function startAdminServer(options: AdminServerOptions): Promise<AdminServer> {
  const server = createServer((request, response) => {
    if (request.method !== "GET" && request.method !== "HEAD") return answer(response, 405, "only GET\n");
    void respond(new URL(request.url ?? "/", "http://admin").pathname, options, response);
  });
  server.requestTimeout = requestTimeoutMs;
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(options.port, options.host ?? "127.0.0.1", resolve);
  });
  let closed: Promise<void> | null = null;
  const close = (): Promise<void> => (closed ??= closeServer(server));
  return { port: (server.address() as AddressInfo).port, close, [Symbol.asyncDispose]: close };
}

async function respond(path: string, options: AdminServerOptions, response: ServerResponse): Promise<void> {
  if (path === "/healthz") return state(response, options.isHealthy?.() ?? true);
  if (path === "/readyz") return state(response, options.isReady());
  if (path !== "/metrics") return answer(response, 404, "there are /metrics, /healthz and /readyz\n");
  try {
    answer(response, 200, await options.registry.metrics(), options.registry.contentType);
  } catch (error) {
    answer(response, 500, `metrics cannot be collected: ${String(error)}\n`);
  }
}

function state(response: ServerResponse, isGood: boolean): void {
  answer(response, isGood ? 200 : 503, isGood ? "ok\n" : "not now\n");
}

function answer(response: ServerResponse, status: number, body: string, type = "text/plain; charset=utf-8"): void {
  response.writeHead(status, { "content-type": type }).end(body);
}

async function closeServer(server: Server): Promise<void> {
  const done = new Promise<void>((resolve) => server.close(() => resolve()));
  server.closeAllConnections();
  await done;
}
