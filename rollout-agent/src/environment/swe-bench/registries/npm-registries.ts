// npm's registries, which pnpm and Yarn ask too: the default one and those of scopes, from npm's own settings.
import { z } from "zod";
import type { RegistryCredential } from "../../../egress/opened-tls.ts";
import { mustRun } from "../host-program.ts";
import { readIfThere } from "./host-settings.ts";
import { basic, type HostSettings, registryUrl, type RegistryClient } from "./registry-client.ts";

const Settings = z.looseObject({
  registry: z.string(),
  userconfig: z.string(),
  globalconfig: z.string(),
  cafile: z.string().nullish(),
});

/** Of every installation: no script of a package runs, and nothing is asked that is not needed. */
export const npmFlags = "--ignore-scripts --no-audit --no-fund --loglevel=error";

const publicRegistry = "https://registry.npmjs.org/";
/** What Yarn's lock files name; the same packages. */
const yarnRegistry = "https://registry.yarnpkg.com/";

export async function npmRegistries(host: HostSettings, signal: AbortSignal): Promise<RegistryClient> {
  const argv = ["npm", "config", "list", "--json", "--long", "--loglevel=silent"];
  const printed = await mustRun(argv, { timeoutMs: 60_000, outputBytesMax: 1024 ** 2, cwd: "/" }, signal);
  const settings = Settings.parse(JSON.parse(printed.slice(printed.indexOf("{"))));
  const scoped = Object.entries(settings).flatMap(([name, value]): [string, string][] =>
    /^@[^:]+:registry$/.test(name) && typeof value === "string" ? [[name, value]] : [],
  );
  const credentials = new Map<string, RegistryCredential>();
  const named = [["registry", settings.registry], ...scoped].map(([name = "", value = ""]) => {
    const { url, credential } = registryUrl(value, `npm's setting ${name}`);
    if (credential !== null) credentials.set(new URL(url).hostname, credential);
    return [name, url] as const;
  });
  // npm's own programs do not print these.
  for (const file of [settings.globalconfig, settings.userconfig]) {
    for (const [at, credential] of tokensIn(readIfThere(file), host.environment)) credentials.set(at, credential);
  }
  const registry = named[0]?.[1] ?? publicRegistry;
  const isPublic = registry === publicRegistry;
  return {
    urls: [...named.map(([, url]) => url), ...(isPublic ? [yarnRegistry] : [])],
    variables: {
      YARN_HTTP_PROXY: "http://127.0.0.1:3128",
      YARN_HTTPS_PROXY: "http://127.0.0.1:3128",
      ...(isPublic ? {} : { YARN_REGISTRY: registry, YARN_NPM_REGISTRY_SERVER: registry }),
    },
    files: { ".npmrc": named.map(([name, url]) => `${name}=${url}\n`).join("") },
    credentials,
    certificates: [settings.cafile ?? ""].filter((path) => path !== ""),
  };
}

/** Lines as `//host/path/:_authToken=…`, by host. */
export function tokensIn(
  text: string,
  environment: Readonly<Record<string, string>>,
): ReadonlyMap<string, RegistryCredential> {
  const parts = new Map<string, Record<string, string>>();
  for (const line of text.split("\n")) {
    const [, host, field, raw] =
      /^\s*\/\/([^/:\s]+)(?::\d+)?\/(?:[^:]*?\/?):(_authToken|_auth|username|_password)\s*=\s*(.*?)\s*$/.exec(line) ??
      [];
    if (host === undefined || field === undefined || raw === undefined) continue;
    const value = raw
      .replace(/^"(.*)"$/, "$1")
      .replaceAll(/\$\{([^}]+)\}/g, (whole, name: string) => environment[name] ?? whole);
    parts.set(host, { ...parts.get(host), [field]: value });
  }
  return new Map(
    [...parts].flatMap(
      ([host, { _authToken: token, _auth: auth, username, _password: password }]): [string, RegistryCredential][] => {
        if (token !== undefined) return [[host, { scheme: "Bearer", secret: token }]];
        if (auth !== undefined) return [[host, { scheme: "Basic", secret: auth }]];
        if (username === undefined || password === undefined) return [];
        const decoded = Buffer.from(password, "base64").toString("utf8");
        return [[host, basic(username, decoded)]];
      },
    ),
  );
}
