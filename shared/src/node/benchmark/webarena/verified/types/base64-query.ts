// Magento's grids put their filters into the path as base64: `/admin/grid/ZnJvbT0yMDIz/`. Here they become a query again.
import { unquote } from "../../url-parts.ts";

/** The path without such segments, and the queries that they hold. */
export function withoutBase64Query(path: string): { path: string; queries: string[] } {
  const queries: string[] = [];
  const kept = path.split("/").filter((segment) => {
    const query = queryIn(segment);
    if (query === null) return segment !== "";
    queries.push(query);
    return false;
  });
  if (kept.length === 0) return { path: path.startsWith("/") ? "/" : "", queries };
  return { path: `${path.startsWith("/") ? "/" : ""}${kept.join("/")}${path.endsWith("/") ? "/" : ""}`, queries };
}

function queryIn(segment: string): string | null {
  if (!/^[A-Za-z0-9_-]{4,}={0,2}$/.test(segment)) return null;
  // One letter too many is no base64: Node would drop it silently.
  if (segment.replace(/=+$/, "").length % 4 === 1) return null;
  try {
    const text = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(segment, "base64url"));
    const query = text.includes("=") ? unquote(text).trim() : "";
    return query === "" ? null : query.replace(/^[?&]+/, "");
  } catch {
    return null;
  }
}
