// The one way out of a sandbox that fetches: to the registries that the operator's own settings name, to read.
import { readFileSync } from "node:fs";
import { getCACertificates } from "node:tls";
import { HostPattern, limits, NetworkPolicy } from "@hindcast/shared";
import type { SandboxOptions } from "../../../sandbox/sandbox.ts";
import { isPublicAddress } from "../../../egress/public-address.ts";
import { type Resolve, resolveByDns } from "../../../egress/upstream.ts";
import { registryCertificate } from "./registry-certificate.ts";
import type { RegistryClient } from "./registry-client.ts";

/** Of everything that one set of dependencies is fetched with. */
export const fetchedBytesMax = 8 * 1024 ** 3;

/** Why a name was given an address: this machine's own resolver leads there, as it does for the operator's programs. */
async function pinned(host: string, resolve: Resolve): Promise<string | null> {
  try {
    return (await resolve(host)).find((address) => !isPublicAddress(address)) ?? null;
  } catch {
    // The proxy asks again, and says that it was not found.
    return null;
  }
}

/** @throws Error naming the registry that no rule can lead to */
export async function registryAccess(
  { urls, credentials, certificates = [] }: RegistryClient,
  signal: AbortSignal,
  resolve: Resolve = resolveByDns,
): Promise<Required<Pick<SandboxOptions, "network" | "egress">> & { authority: string }> {
  const places = new Map(urls.map((url) => [new URL(url).origin, new URL(url)]));
  const rules = await Promise.all(
    [...places.values()].map(async ({ protocol, hostname, port }) => {
      if (!HostPattern.safeParse(hostname).success || hostname === "localhost") {
        throw new Error(
          `the registry ${protocol}//${hostname}${port === "" ? "" : `:${port}`} is named by an address of its own machine: a sandbox asks for names, so give it one (in /etc/hosts) and use that`,
        );
      }
      const isTls = protocol === "https:";
      if (!isTls && credentials.has(hostname)) {
        throw new Error(
          `the registry http://${hostname} is asked without TLS, and the settings have a password for it: no secret of yours is sent in the clear; name it with https`,
        );
      }
      return {
        via: isTls ? "https" : "http",
        host: hostname,
        ports: [port === "" ? (isTls ? 443 : 80) : Number(port)],
        methods: ["GET", "HEAD"],
        address: await pinned(hostname, resolve),
        bytesMax: fetchedBytesMax,
        timeMsMax: limits.egressTimeMsMax,
      };
    }),
  );
  for (const [host, { secret }] of credentials) {
    if (/^[ -~]+$/.test(secret)) continue;
    throw new Error(
      `what the settings have for the registry ${host} is empty or not printable ASCII: no header carries it`,
    );
  }
  const network = NetworkPolicy.parse({ kind: "proxy", rules, bytesMax: fetchedBytesMax });
  const hosts = [...new Set([...places.values()].map(({ hostname }) => hostname))];
  const { authority, ...opened } = await registryCertificate(hosts, signal);
  const extraCertificates = [...getCACertificates("system"), ...certificates.map((path) => readFileSync(path, "utf8"))];
  return { network, egress: { opened, credentials, extraCertificates }, authority };
}
