// A plain HTTP request of the sandbox: checked, given its credential, and sent on, over TLS where the rule says so.
import {
  type ClientRequest,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request as requestHttp,
  type ServerResponse,
} from "node:http";
import { request as requestHttps } from "node:https";
import { pipeline } from "node:stream/promises";
import { egressPlaceholder, limits } from "@hindcast/shared";
import { CutShort } from "./byte-budget.ts";
import { type Admitted, deadlineOf, type EgressContext, Exchange, NotServed } from "./exchange.ts";
import { parseTarget } from "./rule-matcher.ts";
import { Scrubber } from "./secret-scrubber.ts";
import { onlyTo } from "./upstream.ts";

/** RFC 9110 §7.6.1, and what is between the sandbox and the proxy alone. */
const hopByHop = new Set([
  "connection",
  "expect",
  "host",
  "keep-alive",
  "proxy-authenticate",
  "proxy-authorization",
  "proxy-connection",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** @param authority the host and port that an opened tunnel was asked for; null for a request to the proxy itself */
export async function forward(
  context: EgressContext,
  { request, response }: { request: IncomingMessage; response: ServerResponse },
  authority: string | null,
): Promise<void> {
  const target = targetOf(request, authority);
  const { method = "GET" } = request;
  const path = target === null ? (request.url ?? "") : target.url.pathname;
  const port = target === null || target.url.port === "" ? null : Number(target.url.port);
  const destination = { form: "request", method, host: target?.host ?? "", port } as const;
  const exchange = new Exchange(context, { ...destination, path });
  try {
    if (target === null) throw new NotServed(400, notUnderstood(authority));
    const admitted = await exchange.admit(destination);
    if (authority !== null && admitted.rule.via !== "https") throw new NotServed(403, "TLS is never made plain");
    await relay({ context, exchange, admitted, target, request, response });
    exchange.finish();
  } catch (error) {
    exchange.finish(error);
    refuse(response, error);
  }
}

function targetOf({ url = "" }: IncomingMessage, authority: string | null): ReturnType<typeof parseTarget> {
  if (authority === null) return parseTarget(url, "request");
  // Rules of TLS hosts are asked as `http://host/…`: the proxy's own side of it is TLS.
  return url.startsWith("/") ? parseTarget(`http://${authority}${url}`, "request") : null;
}

const notUnderstood = (authority: string | null): string =>
  authority === null
    ? "a proxy is asked for whole URLs: http://host/path"
    : `a server is asked for paths, and ${authority} was asked for something else`;

interface Substitution {
  scrubber: Scrubber;
  header: string;
  /** The header's value as it is sent; null: what the sandbox sent, with the secret in the placeholder's place. */
  value: string | null;
}

interface Relay {
  context: EgressContext;
  exchange: Exchange;
  admitted: Admitted;
  target: { url: URL; host: string };
  request: IncomingMessage;
  response: ServerResponse;
}

async function relay(relayed: Relay): Promise<void> {
  const { exchange, admitted, request, response } = relayed;
  const substitution = substitutionOf(relayed);
  const deadline = deadlineOf(admitted.rule.timeMsMax);
  const ended = new AbortController();
  // A sandbox that goes away ends what it has asked for.
  response.once("close", () => {
    if (!response.writableFinished) ended.abort(new Error("the sandbox has closed the connection"));
  });
  const signal = AbortSignal.any([deadline.signal, ended.signal]);
  try {
    exchange.sent.count(sizeOfHead(request));
    const ask = (isAnew: boolean): ReturnType<typeof asked> =>
      asked(relayed, { substitution, signal, isAnew, onCut: (error) => ended.abort(error) });
    const answer = (await ask(false)) ?? (await ask(true)) ?? noAnswer();
    exchange.status = answer.statusCode ?? null;
    exchange.received.count(sizeOfHead(answer));
    if (substitution !== null) {
      const hidden = hiddenBy(answer);
      if (hidden !== null) {
        answer.destroy();
        throw new NotServed(502, `the host ${hidden}, in which its secret could not be seen`);
      }
    }
    response.writeHead(answer.statusCode ?? 502, headersBack(answer, substitution));
    const scrubbed = substitution === null ? [] : [substitution.scrubber.stream()];
    await pipeline([answer, exchange.received.stream(), ...scrubbed, response], { signal });
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    deadline.stop();
  }
}

interface Asking {
  substitution: Substitution | null;
  signal: AbortSignal;
  /** On a connection of its own. */
  isAnew: boolean;
  onCut: (error: CutShort) => void;
}

/** Null where a kept connection was closed meanwhile, so that nobody has read the request: it can be sent again. */
async function asked(relayed: Relay, { substitution, signal, isAnew, onCut }: Asking): Promise<IncomingMessage | null> {
  const { exchange, request } = relayed;
  const upstream = start(relayed, substitution, isAnew);
  signal.addEventListener("abort", () => upstream.destroy(signal.reason as Error), { once: true });
  const answering = answerOf(upstream);
  send(exchange, request, upstream).catch((error: unknown) => {
    // Else the host has stopped reading, as one does that answers early: what it answers is what counts.
    if (error instanceof CutShort) onCut(error);
  });
  try {
    return await answering;
  } catch (error) {
    if (upstream.reusedSocket && !isAnew && !signal.aborted && !hasBody(request)) return null;
    throw error;
  }
}

function noAnswer(): never {
  throw new NotServed(502, "the host closed the connection");
}

function start(
  { context, admitted, target, request }: Relay,
  substitution: Substitution | null,
  isAnew: boolean,
): ClientRequest {
  const { rule, port, addresses } = admitted;
  const isTls = rule.via === "https";
  const { url, host } = target;
  const options = {
    host,
    port,
    method: request.method ?? "GET",
    path: `${url.pathname}${url.search}`,
    headers: {
      host: port === (isTls ? 443 : 80) ? host : `${host}:${port}`,
      ...headersOn(request, substitution),
    },
    lookup: onlyTo(addresses),
    agent: false,
    setHost: false,
  } as const;
  if (!isTls) return requestHttp(options);
  const { agent, secureContext } = context.tls;
  const trust = secureContext === null ? {} : { secureContext };
  return requestHttps({ ...options, agent: isAnew ? false : agent, servername: host, ...trust });
}

async function answerOf(upstream: ClientRequest): Promise<IncomingMessage> {
  const { promise, resolve, reject } = Promise.withResolvers<IncomingMessage>();
  const tooLate = (): unknown => upstream.destroy(new NotServed(504, "the host could not be reached in time"));
  const timer = setTimeout(tooLate, limits.egressConnectMs);
  upstream.once("socket", (socket) => {
    if (socket.connecting) socket.once("connect", () => clearTimeout(timer));
    else clearTimeout(timer);
  });
  upstream.once("response", resolve);
  upstream.on("error", reject);
  try {
    return await promise;
  } finally {
    clearTimeout(timer);
  }
}

/** The body as it is framed: without a length and without chunks there is none. */
async function send(exchange: Exchange, request: IncomingMessage, upstream: ClientRequest): Promise<void> {
  if (!hasBody(request)) {
    upstream.end();
    return;
  }
  await pipeline([request, exchange.sent.stream(), upstream]);
}

function hasBody({ headers }: IncomingMessage): boolean {
  return headers["transfer-encoding"] !== undefined || headers["content-length"] !== undefined;
}

function substitutionOf({ context, admitted, target }: Relay): Substitution | null {
  const { rule } = admitted;
  if (rule.via !== "https") return null;
  const given = context.options.credentials?.get(target.host);
  if (given !== undefined) {
    const scrubber = new Scrubber({ secret: given.secret, placeholder: egressPlaceholder("registry") });
    return { scrubber, header: "authorization", value: [given.scheme, given.secret].join(" ").trim() };
  }
  if (rule.credential === null) return null;
  const { secret: name, header } = rule.credential;
  const secret = context.options.secrets.get(name);
  if (secret === undefined || secret === "") throw new NotServed(502, `the agent has no secret named ${name}`);
  return { scrubber: new Scrubber({ secret, placeholder: egressPlaceholder(name) }), header, value: null };
}

function headersOn(request: IncomingMessage, substitution: Substitution | null): OutgoingHttpHeaders {
  const headers = endToEnd(request);
  if (request.headers["transfer-encoding"] !== undefined) headers["transfer-encoding"] = "chunked";
  if (substitution === null) return headers;
  const { scrubber, header, value } = substitution;
  const sent = request.headers[header];
  if (value !== null) headers[header] = value;
  else if (typeof sent === "string") headers[header] = scrubber.putIn(sent);
  // In a part of an answer stands a part of the secret, which nobody would know for one.
  for (const asksForPart of ["range", "if-range"]) delete headers[asksForPart];
  return { ...headers, "accept-encoding": "identity" };
}

function headersBack(answer: IncomingMessage, substitution: Substitution | null): OutgoingHttpHeaders {
  const headers = endToEnd(answer);
  if (substitution === null) return headers;
  const { scrubber } = substitution;
  // The placeholder may be longer or shorter than what it stands for.
  delete headers["content-length"];
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.map((one) => scrubber.text(one)) : scrubber.text(String(value)),
    ]),
  );
}

function endToEnd(message: IncomingMessage): OutgoingHttpHeaders {
  const named = (message.headers.connection ?? "").split(",").map((name) => name.trim().toLowerCase());
  const dropped = new Set([...hopByHop, ...named.filter((name) => name !== "content-length")]);
  return Object.fromEntries(
    Object.entries(message.headersDistinct)
      .filter(([name]) => !dropped.has(name))
      .map(([name, values = []]) => [name, values.length === 1 ? values[0] : values]),
  );
}

/** What keeps the secret in an answer from being seen; null where nothing does. */
function hiddenBy({ headers, statusCode }: IncomingMessage): string | null {
  if (statusCode === 206) return "answers with a part";
  const isPlain =
    ["identity", ""].includes((headers["content-encoding"] ?? "").toLowerCase()) &&
    ["chunked", ""].includes((headers["transfer-encoding"] ?? "").toLowerCase());
  return isPlain ? null : "compresses its answer";
}

function sizeOfHead({ rawHeaders, url = "" }: IncomingMessage): number {
  return rawHeaders.reduce((bytes, text) => bytes + text.length + 2, url.length);
}

function refuse(response: ServerResponse, error: unknown): void {
  // Too late to say so in words: the sandbox sees that the answer ends before its time.
  if (response.headersSent) response.destroy();
  else {
    const status = error instanceof NotServed ? error.status : 502;
    const said = error instanceof Error ? error.message : "it failed";
    const text = `egress ${status === 403 || status === 400 ? "refused" : "failed"}: ${said}\n`;
    response.writeHead(status, { "content-type": "text/plain; charset=utf-8", connection: "close" }).end(text);
  }
}
