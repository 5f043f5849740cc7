// A server that speaks the part of the Kubernetes API that sandboxes use, over real HTTPS and WebSockets: objects by their
// path, watches, and a container that answers as a guest does. What goes wrong is the test's to say.
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type WebSocket, WebSocketServer } from "ws";
import { aCertificate, type TestCertificate } from "./certificate.ts";
import { encodeFrame, FrameDecoder } from "../../rollout-agent/src/sandbox/frame.ts";

export interface ApiObject {
  metadata: { name: string; resourceVersion?: string; [key: string]: unknown };
  spec?: Record<string, unknown>;
  status?: Record<string, unknown>;
  [key: string]: unknown;
}

export interface Refusal {
  status: number;
  reason: string;
  message: string;
}

const token = "token-of-the-test";
let certificate: Promise<TestCertificate> | null = null;

export class ScriptedCluster implements AsyncDisposable {
  readonly objects = new Map<string, ApiObject>();
  /** `METHOD path`, in order. */
  readonly asked: string[] = [];
  readonly containers = new Set<WebSocket>();
  /** Answered instead of what would be. */
  refuses: (method: string, path: string) => Refusal | string | null = () => null;
  /** What becomes of an object that was made, in the place of a controller and a kubelet. */
  onCreate: (path: string, object: ApiObject) => void = () => undefined;
  /** Watches that are closed as soon as they are opened. */
  watchesToClose = 0;
  readonly kubeconfig: string;
  readonly #server: Server;
  readonly #watches = new Map<ServerResponse, { collection: string; name: string | null }>();
  #version = 0;

  private constructor(server: Server, kubeconfig: string) {
    this.#server = server;
    this.kubeconfig = kubeconfig;
  }

  /** @param protocols of attached streams, the wanted one first */
  static async start(protocols: readonly string[] = ["v5.channel.k8s.io"]): Promise<ScriptedCluster> {
    certificate ??= aCertificate("localhost");
    const { key, cert } = await certificate;
    const server = createServer({ key, cert });
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
    const { port } = server.address() as AddressInfo;
    const folder = await mkdtemp(join(tmpdir(), "hindcast-cluster-"));
    const kubeconfig = join(folder, "config");
    const authority = Buffer.from(cert).toString("base64");
    const config = {
      apiVersion: "v1",
      kind: "Config",
      "current-context": "test",
      clusters: [
        { name: "test", cluster: { server: `https://localhost:${port}`, "certificate-authority-data": authority } },
      ],
      users: [{ name: "test", user: { token } }],
      contexts: [{ name: "test", context: { cluster: "test", user: "test" } }],
    };
    await writeFile(kubeconfig, JSON.stringify(config));
    const cluster = new ScriptedCluster(server, kubeconfig);
    server.on("request", (request, response) => void cluster.#answer(request, response));
    const choose = (offered: Set<string>): string | false => protocols.find((each) => offered.has(each)) ?? false;
    const sockets = new WebSocketServer({ noServer: true, handleProtocols: choose });
    server.on("upgrade", (request, socket, head) => {
      const path = (request.url ?? "").split("?")[0] ?? "";
      cluster.asked.push(`ATTACH ${path}`);
      const refusal = cluster.refuses("ATTACH", path);
      if (refusal !== null) {
        const { status, text } = refused(refusal);
        socket.end(`HTTP/1.1 ${status} Refused\r\ncontent-length: ${Buffer.byteLength(text)}\r\n\r\n${text}`);
        return;
      }
      sockets.handleUpgrade(request, socket, head, (webSocket) => cluster.#serveGuest(webSocket, path));
    });
    return cluster;
  }

  /** Puts an object there, or changes it, and tells those who watch. */
  put(path: string, object: ApiObject): void {
    const type = this.objects.has(path) ? "MODIFIED" : "ADDED";
    object.metadata.resourceVersion = String(++this.#version);
    this.objects.set(path, object);
    this.#tell(path, { type, object });
  }

  remove(path: string): void {
    const object = this.objects.get(path);
    if (!this.objects.delete(path) || object === undefined) return;
    this.#tell(path, { type: "DELETED", object });
  }

  /** To all who watch below a collection. */
  fail(collection: string, status: number): void {
    for (const [response, watch] of this.#watches) {
      if (watch.collection !== collection) continue;
      response.end(`${JSON.stringify({ type: "ERROR", object: { kind: "Status", code: status } })}\n`);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.containers) socket.terminate();
    this.#server.close();
    this.#server.closeAllConnections();
    await rm(join(this.kubeconfig, ".."), { recursive: true });
  }

  #tell(path: string, event: object): void {
    for (const [response, { collection, name }] of this.#watches) {
      const isIt = name === null ? path.startsWith(`${collection}/`) : path === `${collection}/${name}`;
      if (isIt) response.write(`${JSON.stringify(event)}\n`);
    }
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { pathname: path, searchParams: query } = new URL(request.url ?? "/", "http://cluster");
    const method = request.method ?? "";
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    this.asked.push(`${query.has("watch") ? "WATCH" : method} ${path}`);
    const send = (status: number, body: object | string): void => {
      response.writeHead(status, { "content-type": typeof body === "string" ? "text/plain" : "application/json" });
      response.end(typeof body === "string" ? body : JSON.stringify(body));
    };
    if (request.headers.authorization !== `Bearer ${token}`) {
      return send(401, statusOf({ status: 401, reason: "Unauthorized", message: "who are you" }));
    }
    const refusal = this.refuses(query.has("watch") ? "WATCH" : method, path);
    if (refusal !== null) {
      return send(refused(refusal).status, typeof refusal === "string" ? refusal : statusOf(refusal));
    }
    if (query.has("watch")) return this.#watch(path, query, response);
    if (method === "POST") {
      const object = JSON.parse(Buffer.concat(chunks).toString()) as ApiObject;
      const made = `${path}/${object.metadata.name}`;
      const taken = { status: 409, reason: "AlreadyExists", message: `${object.metadata.name} already exists` };
      if (this.objects.has(made)) return send(409, statusOf(taken));
      this.put(made, object);
      this.onCreate(made, object);
      return send(201, object);
    }
    const found = this.objects.get(path);
    if (found === undefined && method === "GET" && /\/(pods|networkpolicies|sandboxclaims)$/.test(path)) {
      const selector = query.get("labelSelector")?.split("=") ?? null;
      const items = [...this.objects].filter(([key]) => key.startsWith(`${path}/`)).map(([, object]) => object);
      const labelled = (labels: unknown): boolean =>
        selector === null || (labels as Record<string, string>)[selector[0] ?? ""] === selector[1];
      return send(200, { items: items.filter(({ metadata }) => labelled(metadata["labels"])) });
    }
    if (found === undefined)
      return send(404, statusOf({ status: 404, reason: "NotFound", message: `${path} not found` }));
    if (method === "DELETE") this.remove(path);
    return send(200, found);
  }

  #watch(collection: string, query: URLSearchParams, response: ServerResponse): void {
    response.writeHead(200, { "content-type": "application/json" });
    response.flushHeaders();
    if (this.watchesToClose > 0) {
      this.watchesToClose--;
      response.end();
      return;
    }
    const name = query.get("fieldSelector")?.split("=")[1] ?? null;
    this.#watches.set(response, { collection, name });
    response.on("close", () => this.#watches.delete(response));
    // What changed since the asker looked.
    const since = Number(query.get("resourceVersion") ?? "0");
    const object = this.objects.get(`${collection}/${name}`);
    if (name !== null && object === undefined && since > 0) {
      response.write(
        `${JSON.stringify({ type: "DELETED", object: { metadata: { name }, spec: { containers: [] } } })}\n`,
      );
    } else if (object !== undefined && Number(object.metadata.resourceVersion) > since) {
      response.write(`${JSON.stringify({ type: "MODIFIED", object })}\n`);
    }
  }

  /** Says yes to whatever it is asked, and ends with its input. */
  #serveGuest(socket: WebSocket, path: string): void {
    this.containers.add(socket);
    const decoder = new FrameDecoder();
    socket.on("close", () => this.containers.delete(socket));
    socket.on("message", (data: Buffer) => {
      if (data[0] === 255 && data[1] === 0) {
        this.asked.push(`INPUT ENDED ${path}`);
        socket.send(Buffer.concat([Buffer.of(3), Buffer.from(JSON.stringify({ status: "Success" }))]));
        socket.close();
        return;
      }
      for (const { header } of decoder.push(data.subarray(1))) {
        const { id } = JSON.parse(Buffer.from(header).toString()) as { id: number };
        const reply = encodeFrame(Buffer.from(JSON.stringify({ id, ok: {}, fault: null })), new Uint8Array(0));
        // In pieces, as they come through a proxy.
        socket.send(Buffer.concat([Buffer.of(1), reply.subarray(0, 5)]));
        socket.send(Buffer.concat([Buffer.of(1), reply.subarray(5)]));
      }
    });
  }
}

function statusOf({ status, reason, message }: Refusal): object {
  return { kind: "Status", apiVersion: "v1", status: "Failure", code: status, reason, message };
}

function refused(refusal: Refusal | string): { status: number; text: string } {
  if (typeof refusal === "string") return { status: 404, text: refusal };
  return { status: refusal.status, text: JSON.stringify(statusOf(refusal)) };
}
