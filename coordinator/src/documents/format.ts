import { extname } from "node:path";
import type { ParsedDocument } from "./block.ts";
import { parseHtml } from "./formats/html.ts";
import { parseMarkdown } from "./formats/markdown.ts";
import { parsePlainText } from "./formats/plain-text.ts";
import { parseRestructuredText } from "./formats/restructured-text.ts";

/** `manual` and `pdf` are not read from text but by a formatter and a PDF reader. */
export type Format = "markdown" | "html" | "restructured-text" | "text" | "manual" | "pdf";

const formatByExtension: Readonly<Record<string, Format>> = {
  ".md": "markdown",
  ".markdown": "markdown",
  ".mdx": "markdown",
  ".html": "html",
  ".htm": "html",
  ".xhtml": "html",
  ".rst": "restructured-text",
  ".rest": "restructured-text",
  ".txt": "text",
  ".text": "text",
  ".pdf": "pdf",
};

/** For messages. */
export const supportedFormats =
  "Markdown (.md), HTML (.html), reStructuredText (.rst), plain text (.txt or no extension), manual pages (.1 to .9, .gz too) and PDF (.pdf)";

/** The format that a file's name promises; null where the name is of something else (an image, source code, …). */
export function formatOfName(path: string): Format | null {
  const name = path.slice(path.lastIndexOf("/") + 1).toLowerCase();
  if (/.\.[1-9][a-z]{0,4}(?:\.(?:gz|bz2|xz|zst))?$/.test(name)) return "manual";
  const extension = extname(name);
  return extension === "" && !name.startsWith(".") ? "text" : (formatByExtension[extension] ?? null);
}

/** What the first bytes say, for files whose name says nothing: PDF and HTML announce themselves. */
export function formatOfContent(bytes: Uint8Array): Format {
  const head = Buffer.from(bytes.subarray(0, 512)).toString("latin1");
  if (head.startsWith("%PDF-")) return "pdf";
  return /^\s*<(?:!doctype html|html)\b/i.test(head) ? "html" : "text";
}

/** @throws Error with what is wrong with the text. */
export function parseText(format: Exclude<Format, "manual" | "pdf">, text: string): ParsedDocument {
  switch (format) {
    case "markdown":
      return parseMarkdown(text);
    case "html":
      return parseHtml(text);
    case "restructured-text":
      return parseRestructuredText(text);
    case "text":
      return parsePlainText(text);
  }
}
