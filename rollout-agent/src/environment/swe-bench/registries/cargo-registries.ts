// Cargo's registries, from its settings file: crates.io or what replaces it, and those with names of their own.
import { join } from "node:path";
import { parse } from "smol-toml";
import { z } from "zod";
import type { RegistryCredential } from "../../../egress/opened-tls.ts";
import { readIfThere } from "./host-settings.ts";
import { authorityInside, type HostSettings, registryUrl, type RegistryClient } from "./registry-client.ts";

const Settings = z.looseObject({
  source: z
    .record(z.string(), z.looseObject({ registry: z.string().optional(), "replace-with": z.string().optional() }))
    .default({}),
  registries: z
    .record(z.string(), z.looseObject({ index: z.string().optional(), token: z.string().optional() }))
    .default({}),
  http: z.looseObject({ cainfo: z.string().optional() }).default({}),
});

/** The index, and where it says that crates lie. */
const publicRegistry = ["https://index.crates.io/", "https://static.crates.io/"];
const crates = "crates-io";
/** A source may be replaced by one that is replaced. */
const replacementsMax = 8;

export function cargoRegistries({ environment, home }: HostSettings): RegistryClient {
  const folder = environment["CARGO_HOME"] ?? join(home, ".cargo");
  const read = (...names: string[]): z.infer<typeof Settings> => {
    const text = names.map((name) => readIfThere(join(folder, name))).find((each) => each !== "") ?? "";
    return Settings.parse(parse(text));
  };
  const { source, registries, http } = read("config.toml", "config");
  const tokens = read("credentials.toml", "credentials").registries;
  let name = crates;
  for (let count = 0; count < replacementsMax; count++) name = source[name]?.["replace-with"] ?? name;
  const replaced = name === crates ? null : sparse(source[name]?.registry ?? registries[name]?.index ?? "", name);
  const own = Object.entries(registries).flatMap(([each, { index }]) =>
    index === undefined ? [] : [{ name: each, ...sparse(index, each) }],
  );
  const credentials = new Map<string, RegistryCredential>();
  for (const { name: each, url } of own) {
    const token = tokens[each]?.token ?? registries[each]?.token;
    if (token !== undefined) credentials.set(new URL(url).hostname, { scheme: "", secret: token });
  }
  const lines = [
    ...(replaced === null
      ? []
      : [
          `[source.${crates}]`,
          'replace-with = "registry"',
          "[source.registry]",
          `registry = "sparse+${replaced.url}"`,
        ]),
    ...own.flatMap(({ name: each, url }) => [`[registries.${JSON.stringify(each)}]`, `index = "sparse+${url}"`]),
  ];
  return {
    urls: [...(replaced === null ? publicRegistry : [replaced.url]), ...own.map(({ url }) => url)],
    // The proxy speaks HTTP 1.1, in which requests cannot share a connection.
    variables: { CARGO_HTTP_CAINFO: authorityInside, CARGO_HTTP_MULTIPLEXING: "false" },
    files: { ".cargo/config.toml": lines.map((line) => `${line}\n`).join("") },
    credentials,
    certificates: [environment["CARGO_HTTP_CAINFO"] ?? http.cainfo ?? ""].filter((path) => path !== ""),
  };
}

/** @throws Error for an index that git fetches */
function sparse(text: string, name: string): { url: string } {
  const [, index] = /^sparse\+(.+)$/.exec(text) ?? [];
  if (index !== undefined) {
    const { url, credential } = registryUrl(index, `Cargo's registry ${name}`);
    if (credential === null) return { url };
  }
  throw new Error(
    `Cargo's registry ${name} is ${JSON.stringify(text)}: a sandbox asks sparse registries without a password in their address ("sparse+https://…")`,
  );
}
