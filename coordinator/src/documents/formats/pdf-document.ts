// What a PDF says, as pdf.js reads it. It runs in the worker of pdf-worker.ts only: on a damaged file pdf.js may loop, fill
// the memory or leave a promise rejected that nobody awaits, which would end the process.
import { getDocumentProxy } from "unpdf";
import { messageOf } from "@hindcast/shared";
import { BlockList, dedent, type ParsedDocument } from "../block.ts";

/** Reading takes about a millisecond a page and the text is held whole; a longer book is better given in parts. */
const pdfPagesMax = 2_000;
/** A line at the head or foot of this share of the pages, numbers aside, is no part of the text. */
const runningLineShare = 0.5;
const runningLinePagesMin = 3;
/** A line this much larger than the body is a heading. */
const headingScale = 1.15;
const headingCharactersMax = 120;

interface Line {
  text: string;
  /** Of the largest character, in points. */
  height: number;
  isMonospace: boolean;
  /** Distance to the line above exceeds a line: a new paragraph. */
  startsParagraph: boolean;
}

/**
 * The text of a PDF; headings are told by their size, listings by their typeface, both only as far as the file records
 * them. A scanned PDF has no text at all. The bytes are consumed.
 *
 * @throws Error when the file is damaged, locked, too long, or has no text.
 */
export async function pdfDocument(bytes: Uint8Array): Promise<ParsedDocument> {
  // Errors alone are of interest, not its warnings.
  const pdf = await getDocumentProxy(bytes, { verbosity: 0 }).catch((error: unknown) => {
    throw new Error(`cannot be read as PDF (${messageOf(error).replace(/\.$/, "")}); mend or exclude it`, {
      cause: error,
    });
  });
  try {
    if (pdf.numPages > pdfPagesMax) {
      throw new Error(`has ${pdf.numPages} pages, more than the ${pdfPagesMax} that are read; split it`);
    }
    const pages: Line[][] = [];
    for (let number = 1; number <= pdf.numPages; number += 1) {
      const page = await pdf.getPage(number);
      pages.push(linesOf(await page.getTextContent()));
      page.cleanup();
    }
    const lines = withoutRunningLines(pages);
    if (lines.length === 0) throw new Error("contains no text (a scanned document?); run text recognition on it first");
    const blocks = blocksOf(lines);
    const title = blocks.find((block) => block.kind === "heading")?.text ?? null;
    return { title, blocks };
  } finally {
    await pdf.loadingTask.destroy();
  }
}

type TextContent = Awaited<
  ReturnType<Awaited<ReturnType<Awaited<ReturnType<typeof getDocumentProxy>>["getPage"]>>["getTextContent"]>
>;

function linesOf(content: TextContent): Line[] {
  const lines: Line[] = [];
  let line: Line = { text: "", height: 0, isMonospace: true, startsParagraph: true };
  let previousY: number | null = null;
  let y: number | null = null;
  for (const item of content.items) {
    if (!("str" in item)) continue;
    if (item.str.trim() !== "") {
      y ??= Number(item.transform[5]);
      line.height = Math.max(line.height, item.height);
      line.isMonospace &&= content.styles[item.fontName]?.fontFamily === "monospace";
    }
    line.text += item.str;
    if (!item.hasEOL) continue;
    if (line.text.trim() !== "") {
      line.startsParagraph = previousY === null || y === null || Math.abs(previousY - y) > line.height * 1.6;
      lines.push(line);
      previousY = y;
    }
    line = { text: "", height: 0, isMonospace: true, startsParagraph: false };
    y = null;
  }
  if (line.text.trim() !== "") lines.push({ ...line, startsParagraph: previousY === null });
  return lines;
}

/** Removes page numbers, running heads and feet: first or last lines that come again on many pages. */
function withoutRunningLines(pages: readonly Line[][]): Line[] {
  const shape = (line: Line | undefined): string => line?.text.replace(/\d+/g, "#").trim() ?? "";
  const counts = new Map<string, number>();
  for (const page of pages) {
    for (const text of new Set([shape(page[0]), shape(page.at(-1))])) counts.set(text, (counts.get(text) ?? 0) + 1);
  }
  const pagesMin = Math.max(runningLinePagesMin, pages.length * runningLineShare);
  const isRunning = (line: Line | undefined): boolean =>
    line !== undefined && (counts.get(shape(line)) ?? 0) >= pagesMin;
  return pages.flatMap((page) => page.slice(isRunning(page[0]) ? 1 : 0, isRunning(page.at(-1)) ? -1 : undefined));
}

function blocksOf(lines: readonly Line[]): ParsedDocument["blocks"] {
  const body = bodyHeight(lines);
  const isHeading = (line: Line): boolean =>
    line.height > body * headingScale && line.text.trim().length <= headingCharactersMax && /\p{L}/u.test(line.text);
  const sizes = [...new Set(lines.filter(isHeading).map((line) => Math.round(line.height)))].sort((a, b) => b - a);
  const list = new BlockList();
  let group: Line[] = [];
  const flush = (): void => {
    const texts = group.map((line) => line.text.trimEnd());
    if (group[0]?.isMonospace === true) list.fence("", dedent(texts));
    else list.text(texts.map((text) => text.trim()).join("\n"));
    group = [];
  };
  for (const line of lines) {
    if (isHeading(line)) {
      flush();
      list.heading(sizes.indexOf(Math.round(line.height)) + 1, line.text);
      continue;
    }
    if (group[0]?.isMonospace !== line.isMonospace || (line.startsParagraph && !line.isMonospace)) flush();
    group.push(line);
  }
  flush();
  return list.blocks;
}

/** The height that most characters have. */
function bodyHeight(lines: readonly Line[]): number {
  const characters = new Map<number, number>();
  for (const line of lines) {
    const height = Math.round(line.height);
    characters.set(height, (characters.get(height) ?? 0) + line.text.length);
  }
  return [...characters].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0])[0];
}
