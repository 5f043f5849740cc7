// Maven's repositories: Central, or the mirrors of its settings files. What a project's own files name is not asked.
import { join } from "node:path";
import type { RegistryCredential } from "../../../egress/opened-tls.ts";
import { readIfThere } from "./host-settings.ts";
import { authorityInside, basic, type HostSettings, registryUrl, type RegistryClient } from "./registry-client.ts";

const central = "https://repo.maven.apache.org/maven2";
const store = "/tmp/.registries.p12";
const proxyOf = (protocol: string): string =>
  `<proxy><id>${protocol}</id><active>true</active><protocol>${protocol}</protocol><host>127.0.0.1</host><port>3128</port></proxy>`;

export function mavenRegistries({ environment, home }: HostSettings): RegistryClient {
  const text = ["/etc/maven/settings.xml", join(home, ".m2", "settings.xml")].map(readIfThere).join("\n");
  const xml = text
    .replaceAll(/<!--[^]*?-->/g, "")
    .replaceAll(/\$\{env\.([^}]+)\}/g, (whole, name: string) => environment[name] ?? whole);
  const credentials = new Map<string, RegistryCredential>();
  const servers = blocks(xml, "server");
  const mirrors = blocks(xml, "mirror")
    // Maven's own, which keeps plain HTTP away, has no address that is one.
    .filter((mirror) => field(mirror, "blocked") !== "true")
    .map((mirror) => {
      const [id, mirrorOf] = [field(mirror, "id"), field(mirror, "mirrorOf")];
      const { url, credential } = registryUrl(unescaped(field(mirror, "url")), `Maven's mirror ${id}`);
      const known = credential ?? serverCredential(servers.find((server) => field(server, "id") === id));
      if (known !== null) credentials.set(new URL(url).hostname, known);
      return { id, mirrorOf, url };
    });
  const isMirrored = mirrors.some(({ mirrorOf }) =>
    mirrorOf.split(",").some((name) => ["*", "central", "external:*"].includes(name.trim())),
  );
  const told = mirrors.map(
    ({ id, mirrorOf, url }) =>
      `<mirror><id>${id}</id><mirrorOf>${mirrorOf}</mirrorOf><url>${escaped(url)}</url></mirror>`,
  );
  const proxies = ["http", "https"].map(proxyOf).join("");
  return {
    urls: [...mirrors.map(({ url }) => url), ...(isMirrored ? [] : [central])],
    variables: {
      MAVEN_OPTS: `-Djavax.net.ssl.trustStore=${store} -Djavax.net.ssl.trustStorePassword=changeit`,
    },
    files: {
      ".m2/settings.xml": `<settings><proxies>${proxies}</proxies><mirrors>${told.join("")}</mirrors></settings>\n`,
    },
    // Java reads no PEM.
    script: `keytool -importcert -noprompt -alias registries -file ${authorityInside} -storetype PKCS12 -keystore ${store} -storepass changeit >/dev/null 2>&1`,
    credentials,
  };
}

/** @throws Error for what only Maven can read */
function serverCredential(server: string | undefined): RegistryCredential | null {
  if (server === undefined) return null;
  const [user, password] = [field(server, "username"), field(server, "password")];
  if (user !== "" && !/^\{.*\}$/.test(password)) return basic(unescaped(user), unescaped(password));
  throw new Error(
    `Maven's server ${field(server, "id")} proves itself by other means than a name and a plain password, which the proxy cannot do in its stead`,
  );
}

const blocks = (xml: string, name: string): string[] =>
  [...xml.matchAll(new RegExp(`<${name}>([^]*?)</${name}>`, "g"))].map(([, inner = ""]) => inner);
const field = (block: string, name: string): string => blocks(block, name)[0]?.trim() ?? "";
const escaped = (text: string): string => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
const unescaped = (text: string): string =>
  text
    .replaceAll("&lt;", "<")
    .replaceAll("&gt;", ">")
    .replaceAll("&quot;", '"')
    .replaceAll("&apos;", "'")
    .replaceAll("&amp;", "&");
