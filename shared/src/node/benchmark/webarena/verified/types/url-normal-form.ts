// The normal form of a URL that WebArena-Verified compares: lower-case host without the scheme's own port, percent escapes
// only where they are needed, no dot segments, no empty path.
import { joinUrl, quote, splitUrl, unquote, type UrlParts } from "../../url-parts.ts";

const portOf: Readonly<Record<string, string>> = { ftp: "21", http: "80", https: "443", ws: "80", wss: "443" };
const hierarchical = new Set(["", "http", "https", "ftp", "file"]);

/** @throws Error where the host is none */
export function normalUrl(text: string): string {
  const { scheme, host, path, query, fragment } = splitUrl(withScheme(text.trim()));
  return joinUrl({
    scheme,
    host: normalHost(host, scheme),
    path: normalPath(path, scheme),
    query: normalQuery(query),
    fragment: quote(normalText(fragment), "~"),
  } satisfies UrlParts);
}

function withScheme(url: string): string {
  if (url.startsWith("//")) return `https:${url}`;
  const isWhole = url === "-" || url.startsWith("/") || /^[A-Za-z][A-Za-z0-9+.-]*:(?!\d)/.test(url);
  return isWhole ? url : `https://${url}`;
}

function normalHost(authority: string, scheme: string): string {
  const [, user = "", name = "", port = ""] = /^([^@]*@)?(\[[^\]]*\]|[^:]*):?(.*)$/.exec(authority) ?? [];
  const host = name.toLowerCase().replace(/^\.+|\.+$/g, "");
  if (/[^\u0020-\u007e\u00a0-\uffff]/.test(host)) throw new Error("the host is none");
  const isOwnPort = /^\d+$/.test(port) && String(Number(port)) === portOf[scheme];
  const shownPort = port === "" || isOwnPort ? "" : `:${/^\d+$/.test(port) ? Number(port) : port}`;
  return `${user === "@" || user === ":@" ? "" : user}${host}${shownPort}`;
}

function normalPath(path: string, scheme: string): string {
  const quoted = quote(normalText(path), "~:/?#[]@!$&'()*+,;=").replaceAll("?", "%3F").replaceAll("#", "%23");
  if (!hierarchical.has(scheme)) return quoted;
  const segments = quoted.split("/");
  const kept: string[] = [];
  for (const segment of segments) {
    if (segment === "..") {
      if (kept.length > 1) kept.pop();
    } else if (segment !== "." && (segment !== "" || kept.length === 0)) {
      kept.push(segment);
    }
  }
  if (["", ".", ".."].includes(segments.at(-1) ?? "")) kept.push("");
  const normal = kept.join("/");
  return normal === "" && scheme !== "" ? "/" : normal;
}

function normalQuery(query: string): string {
  return query
    .split("&")
    .filter((part) => part !== "")
    .map((part) =>
      part
        .replace("=", "\n")
        .split("\n")
        .map((text) => quote(normalText(text), "~:/?[]@!$'()*+,;="))
        .join("="),
    )
    .join("&");
}

function normalText(text: string): string {
  return unquote(text).normalize("NFC");
}
