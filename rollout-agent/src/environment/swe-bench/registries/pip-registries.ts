// pip's indexes and folders of wheels, from its settings files and variables.
import { statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { netrcCredentials, readIfThere } from "./host-settings.ts";
import { authorityInside, type HostSettings, registriesOf, type RegistryClient } from "./registry-client.ts";

const publicIndex = "https://pypi.org/simple";
/** Where its pages point to. */
const publicFiles = "https://files.pythonhosted.org/";

export function pipRegistries(host: HostSettings): RegistryClient {
  const { environment, home } = host;
  const files = [
    "/etc/pip.conf",
    join(home, ".pip", "pip.conf"),
    join(environment["XDG_CONFIG_HOME"] ?? join(home, ".config"), "pip", "pip.conf"),
    environment["PIP_CONFIG_FILE"] ?? "/dev/null",
  ];
  const settings = Object.assign({}, ...files.map((path) => pipSettings(readIfThere(path)))) as Record<string, string>;
  const setting = (name: string): string[] => {
    const text = environment[`PIP_${name.replaceAll("-", "_").toUpperCase()}`] ?? settings[name] ?? "";
    return text.split(/\s+/).filter((word) => word !== "");
  };
  const [index = publicIndex] = setting("index-url");
  const links = setting("find-links");
  const isWeb = (link: string): boolean => /^https?:/.test(link);
  const indexes = registriesOf([index], "pip's index-url");
  const extra = registriesOf(setting("extra-index-url"), "pip's extra-index-url");
  const pages = registriesOf(links.filter(isWeb), "pip's find-links");
  const mounts = links
    .filter((link) => !isWeb(link))
    .map((link) => (link.startsWith("file:") ? fileURLToPath(link) : link))
    .filter((path) => path.startsWith("/") && statSync(path, { throwIfNoEntry: false })?.isDirectory() === true)
    .map((path, index) => ({ source: path, target: `/opt/testbed/packages/${index}` }));
  const urls = [...indexes.urls, ...extra.urls, ...pages.urls];
  const hosts = urls.map((url) => new URL(url).hostname);
  const [noIndex = "", timeout = "60", certificate] = ["no-index", "timeout", "cert"].map((name) => setting(name)[0]);
  return {
    urls: hosts.includes("pypi.org") ? [...urls, publicFiles] : urls,
    variables: {
      PIP_INDEX_URL: indexes.urls[0] ?? publicIndex,
      PIP_EXTRA_INDEX_URL: extra.urls.join(" "),
      PIP_FIND_LINKS: [...pages.urls, ...mounts.map(({ target }) => target)].join(" "),
      ...(noIndex === "" ? {} : { PIP_NO_INDEX: noIndex }),
      PIP_DEFAULT_TIMEOUT: environment["PIP_DEFAULT_TIMEOUT"] ?? timeout,
      PIP_TRUSTED_HOST: urls
        .filter((url) => url.startsWith("http:"))
        .map((url) => new URL(url).host)
        .join(" "),
      PIP_CERT: authorityInside,
    },
    files: {},
    mounts,
    credentials: new Map([
      ...netrcCredentials(host),
      ...indexes.credentials,
      ...extra.credentials,
      ...pages.credentials,
    ]),
    certificates: certificate === undefined ? [] : [certificate],
  };
}

/** Of the sections that `pip install` reads, the later one first. */
function pipSettings(text: string): Record<string, string> {
  const sections: Record<string, Record<string, string>> = {};
  let [section, name] = ["", ""];
  for (const line of text.split("\n")) {
    if (/^\s*([#;]|$)/.test(line)) continue;
    const [, title] = /^\[(.+)\]\s*$/.exec(line) ?? [];
    const values = (sections[section] ??= {});
    if (title !== undefined) [section, name] = [title, ""];
    // A value goes on where a line is indented.
    else if (/^\s/.test(line)) values[name] = `${values[name] ?? ""} ${line.trim()}`;
    else {
      const [, key = "", value = ""] = /^([^=:]+?)\s*[=:]\s*(.*?)\s*$/.exec(line) ?? [];
      name = key.toLowerCase().replaceAll("_", "-");
      values[name] = value;
    }
  }
  return { ...sections["global"], ...sections["install"] };
}
