// From a name to a connection: resolved here, checked, and connected to exactly the addresses that were checked.
import { lookup } from "node:dns/promises";
import { Agent } from "node:https";
import { isIPv4, type LookupFunction } from "node:net";
import { createSecureContext, getCACertificates, type SecureContext } from "node:tls";
import { type EgressRule, limits, messageOf } from "@hindcast/shared";
import { isPublicAddress, mayBePinned } from "./public-address.ts";

/** All addresses of a name. */
export type Resolve = (host: string) => Promise<string[]>;

export const resolveByDns: Resolve = async (host) =>
  (await lookup(host, { all: true, order: "ipv4first" })).map(({ address }) => address);

export type Route = { addresses: string[] } | { refused: string } | { failed: string };

export async function routeTo(host: string, rule: EgressRule, resolve: Resolve): Promise<Route> {
  if (rule.address !== null) {
    if (mayBePinned(rule.address)) return { addresses: [rule.address] };
    return { refused: `the rule's address ${rule.address} is link-local` };
  }
  try {
    const addresses = await inTime(resolve(host));
    // All of them: a name that leads to both sides is how rebinding looks.
    const inner = addresses.find((address) => !isPublicAddress(address));
    if (inner !== undefined) return { refused: `${host} leads to ${inner}, which is no public address` };
    return addresses.length > 0 ? { addresses } : { failed: `${host} has no address` };
  } catch (error) {
    return { failed: `${host} was not found: ${messageOf(error)}` };
  }
}

async function inTime(resolving: Promise<string[]>): Promise<string[]> {
  const { promise, reject } = Promise.withResolvers<never>();
  const timer = setTimeout(() => reject(new Error("no answer in time")), limits.egressResolveMs);
  try {
    return await Promise.race([resolving, promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** Stands in for DNS when connecting: the name is not asked for a second time. */
export function onlyTo(addresses: readonly string[]): LookupFunction {
  const found = addresses.map((address) => ({ address, family: isIPv4(address) ? 4 : 6 }));
  return (_host, options, done) => {
    const [first] = found;
    if (options.all === true) done(null, found);
    else if (first === undefined) done(new Error("no address"), "", 4);
    else done(null, first.address, first.family);
  };
}

/** How one proxy speaks TLS to hosts. */
export interface UpstreamTls {
  /** Keeps connections, where a client of registries asks for thousands of small files; false: one for each request. */
  agent: Agent | false;
  /** Null: as this process trusts. */
  secureContext: SecureContext | null;
}

/** Read once for each proxy: there are hundreds of certificates. */
export function upstreamTls({
  opened,
  extraCertificates = [],
}: {
  opened?: object;
  extraCertificates?: readonly string[];
}): UpstreamTls {
  const isKept = opened !== undefined;
  return {
    agent: isKept ? new Agent({ keepAlive: true, maxSockets: limits.egressConnectionsMax }) : false,
    secureContext:
      extraCertificates.length === 0
        ? null
        : createSecureContext({ ca: [...getCACertificates("default"), ...extraCertificates] }),
  };
}
