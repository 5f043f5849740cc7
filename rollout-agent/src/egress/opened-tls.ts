// CONNECT where the proxy answers in the host's name: the sandbox speaks TLS to the proxy, which asks the host anew by its
// `https` rule. So methods, paths and credentials are the proxy's with programs that know no other way than https, too.
// Programs inside must trust the certificate, which is for the rules' hosts alone and for one sandbox alone.
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import { createSecureContext, TLSSocket } from "node:tls";
import { limits } from "@hindcast/shared";
import type { EgressContext } from "./exchange.ts";
import { matchRule, parseTarget } from "./rule-matcher.ts";

/** In PEM. */
export interface OpenedTls {
  key: string;
  /** For every host of the rules. */
  certificate: string;
}

/** An `authorization` header. */
export interface RegistryCredential {
  /** "Bearer", "Basic"; empty where the secret stands alone. */
  scheme: string;
  /** Printable ASCII. */
  secret: string;
}

/** "host:port" where a CONNECT is to be opened; null where it is a tunnel, or to be refused as one. */
export function openedAuthority({ options }: EgressContext, { url = "" }: IncomingMessage): string | null {
  const target = parseTarget(url, "tunnel");
  if (options.opened === undefined || target === null) return null;
  const port = Number(url.slice(url.lastIndexOf(":") + 1));
  const isRuled = options.policy.rules.some(
    (rule) =>
      rule.via === "https" &&
      "rule" in matchRule([rule], { form: "request", host: target.host, port, method: rule.methods[0] ?? "GET" }),
  );
  return isRuled ? `${target.host}:${port}` : null;
}

/** Resolves once the connection has ended. @param onOpen takes what the sandbox sends inside its TLS */
export async function openTls(
  { options }: EgressContext,
  { client, head }: { client: Duplex; head: Buffer },
  onOpen: (stream: Duplex) => void,
): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>();
  client.once("close", resolve);
  client.on("error", () => client.destroy());
  client.write("HTTP/1.1 200 Connection Established\r\n\r\n");
  if (head.byteLength > 0) client.unshift(head);
  const inner = new TLSSocket(client, {
    isServer: true,
    secureContext: createSecureContext({ key: options.opened?.key, cert: options.opened?.certificate }),
    ALPNProtocols: ["http/1.1"],
  });
  const timer = setTimeout(() => inner.destroy(), limits.egressHelloMs);
  inner.on("error", () => inner.destroy());
  inner.once("close", () => client.destroy());
  inner.once("secure", () => {
    clearTimeout(timer);
    onOpen(inner);
  });
  try {
    await promise;
  } finally {
    clearTimeout(timer);
    inner.destroy();
  }
}
