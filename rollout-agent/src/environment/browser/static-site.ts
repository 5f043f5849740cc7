// A folder of web pages, answered as a site: what the browser asks of an origin that exists nowhere else.
import { readFile, realpath, stat } from "node:fs/promises";
import { extname, join, sep } from "node:path";
import { limits } from "@hindcast/shared";

export interface StaticAnswer {
  status: 200 | 404;
  mediaType: string;
  body: Uint8Array;
}

const mediaTypes: Record<string, string> = {
  ".css": "text/css; charset=utf-8",
  ".gif": "image/gif",
  ".htm": "text/html; charset=utf-8",
  ".html": "text/html; charset=utf-8",
  ".ico": "image/x-icon",
  ".jpeg": "image/jpeg",
  ".jpg": "image/jpeg",
  ".js": "text/javascript; charset=utf-8",
  ".json": "application/json",
  ".mjs": "text/javascript; charset=utf-8",
  ".png": "image/png",
  ".svg": "image/svg+xml",
  ".ttf": "font/ttf",
  ".woff": "font/woff",
  ".woff2": "font/woff2",
};

const notFound: StaticAnswer = { status: 404, mediaType: "text/plain", body: new Uint8Array() };

/** The file below `folder` that `path` (of a URL) names; whatever lies elsewhere, also through links, is not found. */
export async function staticAnswer(folder: string, path: string): Promise<StaticAnswer> {
  try {
    const root = await realpath(folder);
    const file = await realpath(join(root, decodeURIComponent(path)));
    if (!file.startsWith(root + sep)) return notFound;
    const found = await stat(file);
    if (!found.isFile() || found.size > limits.siteFileBytesMax) return notFound;
    const mediaType = mediaTypes[extname(file).toLowerCase()] ?? "application/octet-stream";
    return { status: 200, mediaType, body: await readFile(file) };
  } catch {
    // Not there, not readable, or no path at all: to a browser all of these are the same.
    return notFound;
  }
}
