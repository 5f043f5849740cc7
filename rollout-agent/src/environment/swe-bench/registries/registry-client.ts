// What a client of package registries is told inside a sandbox. It is read from the client's own settings on the host, so
// that a machine with mirrors needs no settings of ours; who proves itself to a registry does so at the proxy.
import type { RegistryCredential } from "../../../egress/opened-tls.ts";
import type { SandboxMount } from "../../../sandbox/sandbox.ts";

/** Where the certificate stands that clients inside trust, and nothing else of registries is. */
export const authorityInside = "/tmp/.registries.pem";

export interface RegistryClient {
  /** Registries that may be asked, without names and passwords. */
  urls: readonly string[];
  /** Exported before the client runs. */
  variables: Readonly<Record<string, string>>;
  /** Settings, by their path in the home folder. */
  files: Readonly<Record<string, string>>;
  /** Bash, run before the client. @default nothing */
  script?: string;
  /** Folders of packages on the host. @default none */
  mounts?: readonly SandboxMount[];
  /** By host. */
  credentials: ReadonlyMap<string, RegistryCredential>;
  /** Files of certificates that registries may be signed by, beside those of the system. @default none */
  certificates?: readonly string[];
}

/** What the operator's programs are given. */
export interface HostSettings {
  environment: Readonly<Record<string, string>>;
  home: string;
}

/** The URL of a registry without what proves somebody to it. @throws Error naming the setting that holds no URL */
export function registryUrl(text: string, setting: string): { url: string; credential: RegistryCredential | null } {
  const url = URL.parse(text.trim());
  if (url === null || !["http:", "https:"].includes(url.protocol)) {
    throw new Error(
      `${setting} says ${JSON.stringify(text)}, which is no http or https address: a sandbox asks no other`,
    );
  }
  const { username, password } = url;
  url.username = "";
  url.password = "";
  const isGiven = username !== "" || password !== "";
  return {
    url: url.href,
    credential: isGiven ? basic(decodeURIComponent(username), decodeURIComponent(password)) : null,
  };
}

export function basic(user: string, password: string): RegistryCredential {
  return { scheme: "Basic", secret: Buffer.from(`${user}:${password}`).toString("base64") };
}

/** Registries of `texts`, and what was in their URLs. */
export function registriesOf(
  texts: readonly string[],
  setting: string,
): { urls: string[]; credentials: Map<string, RegistryCredential> } {
  const found = texts.map((text) => registryUrl(text, setting));
  const credentials = found.flatMap(({ url, credential }): [string, RegistryCredential][] =>
    credential === null ? [] : [[new URL(url).hostname, credential]],
  );
  return { urls: found.map(({ url }) => url), credentials: new Map(credentials) };
}
