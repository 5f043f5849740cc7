// Go's module proxies and its database of sums, as `go env` tells them.
import { mustRun } from "../host-program.ts";
import { netrcCredentials } from "./host-settings.ts";
import { type HostSettings, registriesOf, type RegistryClient } from "./registry-client.ts";

/** Where the public proxy sends whoever asks for large archives. */
const publicArchives = "https://storage.googleapis.com/";

export async function goRegistries(host: HostSettings, signal: AbortSignal): Promise<RegistryClient> {
  const options = { timeoutMs: 60_000, cwd: "/", environment: { GOTOOLCHAIN: "local" } };
  const names = ["GOPROXY", "GOSUMDB", "GONOSUMDB"] as const;
  const printed = await mustRun(["go", "env", ...names], options, signal);
  const [proxies = "", sums = "", unchecked = ""] = printed.split("\n");
  // `direct` asks the hosts that modules are named after, with git.
  const named = proxies.split(/([,|])/).filter((part) => part !== "direct" && part !== "");
  while (/^[,|]$/.test(named.at(-1) ?? "")) named.pop();
  const found = registriesOf(
    named.filter((part) => !/^([,|]|off)$/.test(part)),
    "Go's GOPROXY",
  );
  if (found.urls.length === 0) {
    throw new Error(
      `Go's GOPROXY says ${JSON.stringify(proxies)}: a sandbox asks a module proxy and nobody else; name one`,
    );
  }
  const sumsUrl = /^\S+\s+(https?:\S+)$/.exec(sums)?.[1] ?? `https://${sums.split("+")[0]}`;
  const database = sums === "off" ? [] : registriesOf([sumsUrl], "Go's GOSUMDB").urls;
  const isPublic = found.urls.some((url) => new URL(url).hostname === "proxy.golang.org");
  const separators = named.filter((part) => /^[,|]$/.test(part));
  return {
    urls: [...found.urls, ...database, ...(isPublic ? [publicArchives] : [])],
    variables: {
      GOPROXY: found.urls.map((url, index) => `${url}${separators[index] ?? ""}`).join(""),
      GOSUMDB: sums,
      GONOSUMDB: unchecked,
    },
    files: {},
    credentials: new Map([...netrcCredentials(host), ...found.credentials]),
  };
}
