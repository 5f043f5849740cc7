// The only way out of a sandbox that has one: an HTTP proxy outside, one per sandbox, that lets through what the rules
// allow and writes down everything. It listens on no port: its connections come from the driver, which leads them out
// of the sandbox by whatever way it has (a stream of the guest's channel, a unix socket).
import { createServer, type Server } from "node:http";
import type { Duplex } from "node:stream";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { contextOf, type EgressContext, type EgressOptions, Exchange, NotServed } from "./exchange.ts";
import { forward } from "./forward.ts";
import { openedAuthority, openTls } from "./opened-tls.ts";
import { tunnel } from "./tunnel.ts";
import { resolveByDns } from "./upstream.ts";

/** A connection between two requests, and the head of one until it is whole. */
const idleMsMax = 15_000;

/** A connection of the sandbox. Node looks after those alone that come by its own listening, so idle ones end here. */
interface Visitor {
  requests: number;
  timer: NodeJS.Timeout | null;
  /** Where it leads, inside an opened tunnel; null for a connection to the proxy itself. */
  authority: string | null;
}

export class EgressProxy implements Disposable {
  readonly #context: EgressContext;
  readonly #server: Server;
  readonly #visitors = new Map<Duplex, Visitor>();

  /** @throws CONFIG_INVALID when a rule names a secret that this agent does not have, or that no header can hold */
  constructor(options: EgressOptions) {
    for (const rule of options.policy.rules) {
      if (rule.via !== "https" || rule.credential === null) continue;
      const secret = options.secrets.get(rule.credential.secret);
      if (secret === undefined) throw unknownSecret(rule.host, rule.credential.secret);
      if (!fitsHeader.test(secret)) throw unfitSecret(rule.host, rule.credential.secret);
    }
    this.#context = contextOf(options, resolveByDns);
    this.#server = createServer({
      maxHeaderSize: limits.egressHeaderBytesMax,
      insecureHTTPParser: false,
    });
    this.#server.on("request", (request, response) => {
      if (!this.#begin(request.socket)) return;
      response.once("close", () => this.#end(request.socket));
      const { authority = null } = this.#visitors.get(request.socket) ?? {};
      void forward(this.#context, { request, response }, authority);
    });
    this.#server.on("connect", (request, client, head) => {
      if (!this.#begin(client)) return;
      const authority = this.#visitors.get(client)?.authority === null ? openedAuthority(this.#context, request) : null;
      // One that was refused may keep its own half open: it idles then like any other.
      const served =
        authority === null
          ? tunnel(this.#context, { request, client, head })
          : openTls(this.#context, { client, head }, (inner) => this.#visit(inner, authority));
      void served.finally(() => this.#end(client));
    });
    this.#server.on("clientError", (error, stream) => this.#complain(error, stream));
  }

  /** Serves one connection of the sandbox. Above `limits.egressConnectionsMax` it is closed at once. */
  accept(stream: Duplex): void {
    const outer = [...this.#visitors.values()].filter(({ authority }) => authority === null);
    if (outer.length >= limits.egressConnectionsMax) stream.destroy();
    else this.#visit(stream, null);
  }

  #visit(stream: Duplex, authority: string | null): void {
    const visitor: Visitor = { requests: 1, timer: null, authority };
    this.#visitors.set(stream, visitor);
    this.#end(stream);
    stream.once("close", () => {
      if (visitor.timer !== null) clearTimeout(visitor.timer);
      this.#visitors.delete(stream);
    });
    this.#server.emit("connection", stream);
  }

  /** Ends every connection. */
  close(): void {
    for (const stream of this.#visitors.keys()) stream.destroy();
    const { agent } = this.#context.tls;
    if (agent !== false) agent.destroy();
    this.#server.close();
  }

  [Symbol.dispose](): void {
    this.close();
  }

  /** False where too many requests were sent without waiting for answers: each would open a connection of its own. */
  #begin(stream: Duplex): boolean {
    const visitor = this.#visitors.get(stream);
    if (visitor === undefined || stream.destroyed) return false;
    if (visitor.requests >= limits.egressPipelinedMax) {
      this.#refuse(`more than ${limits.egressPipelinedMax} requests of a connection at a time`);
      stream.destroy();
      return false;
    }
    visitor.requests += 1;
    if (visitor.timer !== null) clearTimeout(visitor.timer);
    visitor.timer = null;
    return true;
  }

  #end(stream: Duplex): void {
    const visitor = this.#visitors.get(stream);
    if (visitor === undefined) return;
    visitor.requests -= 1;
    if (visitor.requests === 0 && !stream.destroyed)
      visitor.timer = setTimeout(() => stream.destroy(), idleMsMax).unref();
  }

  /** What Node's parser does not take is no request, and is written down as one that was refused. */
  #complain(error: Error, stream: Duplex): void {
    // Else the connection broke, which is its request's matter.
    if ("code" in error && String(error.code).startsWith("HPE_")) this.#refuse(`no HTTP request: ${messageOf(error)}`);
    if (stream.writable) stream.end("HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
    else stream.destroy();
  }

  #refuse(why: string): void {
    const exchange = new Exchange(this.#context, { method: "", host: "", port: null, path: "" });
    exchange.finish(new NotServed(400, why));
  }
}

/** What stands in a header as it is, and comes back as it was: Node writes other characters in an encoding of its own. */
const fitsHeader = /^[\u0020-\u007e]+$/;

function unfitSecret(host: string, secret: string): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message:
      `the rule for ${host} names the secret ${JSON.stringify(secret)}, which is empty or holds more than printable ` +
      `ASCII: no header can carry it; look for a line break at its end in the file that HINDCAST_EGRESS_SECRETS_FILE names`,
  });
}

function unknownSecret(host: string, secret: string): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message:
      `the rule for ${host} names the secret ${JSON.stringify(secret)}, which this agent does not have: ` +
      `add it to the file that HINDCAST_EGRESS_SECRETS_FILE names`,
  });
}
