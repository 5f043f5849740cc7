// The one way out of a browser's sandbox: a proxy of ours, outside, on a Unix socket. It passes on what goes to the
// task's origins and refuses everything else, so that no address, name or protocol has to be forbidden one by one.
import { createServer, type IncomingMessage, request, type Server, type ServerResponse } from "node:http";
import { connect } from "node:net";
import type { Duplex } from "node:stream";
import { limits } from "@hindcast/shared";
import { staticAnswer } from "./static-site.ts";

/** Tells answers of the gate from those of sites; the value says why. */
export const gateHeader = "x-hindcast-gate";
export type GateRefusal = "denied" | "unreachable";

/** A site that says nothing for so long is taken for dead. */
const idleMs = 60_000;
/** Trailers are not passed on: Node throws where they are announced for a body that can have none. */
const hopByHop = new Set([
  "connection",
  "keep-alive",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "upgrade",
]);
/** Says where a body ends, whatever a client says of it. */
const framing = new Set(["content-length", "transfer-encoding"]);

export interface EgressGateOptions {
  /** Origins that may be reached, in any letter case. */
  origins: readonly string[];
  /** Origins that are answered from folders. */
  folders: ReadonlyMap<string, string>;
}

export class EgressGate implements AsyncDisposable {
  readonly #origins: ReadonlySet<string>;
  readonly #folders: ReadonlyMap<string, string>;
  readonly #server: Server;
  readonly #tunnels = new Set<Duplex>();

  constructor({ origins, folders }: EgressGateOptions) {
    this.#origins = new Set(origins.map(originOf));
    this.#folders = new Map([...folders].map(([origin, folder]) => [originOf(origin), folder]));
    this.#server = createServer((asked, answer) => void this.#pass(asked, answer));
    this.#server.maxConnections = limits.browserConnectionsMax;
    this.#server.on("connect", (asked: IncomingMessage, socket: Duplex) => this.#tunnel(asked, socket));
  }

  isAllowed(url: string): boolean {
    const origin = URL.canParse(url) ? new URL(url).origin : "";
    return this.#origins.has(origin) || this.#folders.has(origin);
  }

  get origins(): string[] {
    return [...this.#origins, ...this.#folders.keys()];
  }

  async listen(socketPath: string): Promise<void> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once("error", reject);
      this.#server.listen(socketPath, resolve);
    });
  }

  async #pass(asked: IncomingMessage, answer: ServerResponse): Promise<void> {
    answer.on("error", () => answer.destroy());
    const url = URL.canParse(asked.url ?? "") ? new URL(asked.url ?? "") : null;
    if (url === null || url.protocol !== "http:" || !this.isAllowed(url.href)) {
      refuse(answer, 403, "denied");
      return;
    }
    const folder = this.#folders.get(url.origin);
    if (folder === undefined) {
      this.#forward(asked, answer, url);
      return;
    }
    const { status, mediaType, body } = await staticAnswer(folder, url.pathname);
    answer.writeHead(status, { "content-type": mediaType, "content-length": body.byteLength });
    answer.end(body);
  }

  #forward(asked: IncomingMessage, answer: ServerResponse, url: URL): void {
    // The host of the address that was checked: servers that are several sites go by it.
    const headers = { ...endToEnd(asked), host: url.host };
    const passedOn = request(url, { method: asked.method ?? "GET", headers, timeout: idleMs }, (response) => {
      const { statusCode = 0 } = response;
      // Nobody may say such a status, so it cannot be passed on: Node would throw, here where nobody catches it.
      if (statusCode < 100) {
        response.destroy();
        refuse(answer, 502, "unreachable");
        return;
      }
      answer.writeHead(statusCode, ownWords(response));
      response.pipe(answer);
      response.on("error", () => answer.destroy());
    });
    passedOn.on("timeout", () => passedOn.destroy(new Error("the site said nothing")));
    passedOn.on("error", () => {
      if (answer.headersSent) answer.destroy();
      else refuse(answer, 502, "unreachable");
    });
    answer.on("close", () => passedOn.destroy());
    asked.pipe(passedOn);
  }

  /** TLS and web sockets: bytes both ways. */
  #tunnel(asked: IncomingMessage, socket: Duplex): void {
    socket.on("error", () => socket.destroy());
    const target = URL.canParse(`https://${asked.url}`) ? new URL(`https://${asked.url}`) : null;
    const isAllowed = target !== null && (this.isAllowed(target.href) || this.isAllowed(`http://${asked.url}`));
    if (!isAllowed) {
      socket.end(`HTTP/1.1 403 Forbidden\r\n${gateHeader}: denied\r\n\r\n`);
      return;
    }
    // Of the address that was checked, and not of the text: `host/:22` is the host's port 443.
    const site = connect({ host: target.hostname.replace(/^\[(.*)\]$/, "$1"), port: Number(target.port || 443) });
    this.#tunnels.add(site);
    let isOpen = false;
    site.setTimeout(idleMs, () => site.destroy());
    site.on("connect", () => {
      isOpen = true;
      socket.write("HTTP/1.1 200 Connection established\r\n\r\n");
      site.pipe(socket).pipe(site);
    });
    site.on("error", () => {
      if (isOpen) socket.destroy();
      else socket.end(`HTTP/1.1 502 Bad Gateway\r\n${gateHeader}: unreachable\r\n\r\n`);
    });
    site.on("close", () => {
      this.#tunnels.delete(site);
      if (isOpen) socket.destroy();
    });
    socket.on("close", () => site.destroy());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const tunnel of this.#tunnels) tunnel.destroy();
    this.#server.closeAllConnections();
    await new Promise<void>((resolve) => {
      this.#server.close(() => resolve());
    });
  }
}

function endToEnd({ headers }: IncomingMessage): IncomingMessage["headers"] {
  const named = (headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...hopByHop, ...named.filter((name) => !framing.has(name))]);
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !dropped.has(name)));
}

/** A site's headers as they came, but for those of the connection to it, and one that would pass for the gate's. */
function ownWords({ rawHeaders }: IncomingMessage): string[] {
  const pairs = Array.from({ length: rawHeaders.length / 2 }, (_, index) => rawHeaders.slice(2 * index, 2 * index + 2));
  return pairs.filter(([name = ""]) => name.toLowerCase() !== gateHeader && !hopByHop.has(name.toLowerCase())).flat();
}

function refuse(answer: ServerResponse, status: number, why: GateRefusal): void {
  answer.writeHead(status, { [gateHeader]: why, "content-length": 0, connection: "close" });
  answer.end();
}

function originOf(text: string): string {
  return new URL(text).origin;
}
