// Documents from wherever they are to chunks that a model can read (the `Doc` of the paper's Algorithm 1). One file
// that cannot be read is reported and never ends the run; only when nothing at all was read is that an error.
import { existsSync } from "node:fs";
import { realpath, stat } from "node:fs/promises";
import { join } from "node:path";
import { type Document, HindcastError, atBoundary, limits, messageOf } from "@hindcast/shared";
import type { ParsedDocument } from "./block.ts";
import { decodeText } from "./decode.ts";
import { type DocumentProblem, type DocumentSource, sourceText, splitGlob } from "./document-source.ts";
import { DocumentDeduplicator, type DuplicateDocument } from "./duplicates.ts";
import { formatOfContent, formatOfName, parseText, supportedFormats } from "./format.ts";
import { parsePdf } from "./formats/pdf.ts";
import { readHelp } from "./help.ts";
import { type Surroundings, findManualPages, readManualFile, readManualPage } from "./manual.ts";
import { openProblem, readFileBytes } from "./read-file.ts";
import { splitDocument } from "./split.ts";
import { walkFolder } from "./walk-folder.ts";

/** Files read at once: formatting a manual page is a process of its own, and there are few cores. */
const readsAtOnce = 4;
/** All chunks are held in memory and in one blob of the campaign's record, which compresses text to about a quarter. */
const textBytesMax = 4 * limits.blobBytesMax;
/** In the message that nothing could be read. */
const problemsShown = 4;
const ignoredKindsShown = 5;

export interface LoadOptions {
  /** The process environment: where programs are found. Programs get nothing of it but paths. */
  environment: Surroundings;
  /** Of one chunk. @default limits.documentTokensMax */
  tokensMax?: number;
  /** Of one file. @default limits.documentFileBytesMax */
  fileBytesMax?: number;
  /** Called after each file or page; for a progress bar. */
  onProgress?: (done: number, total: number) => void;
}

export interface LoadedDocuments {
  /** In the order of the sources and, within a folder, of the paths. */
  documents: Document[];
  problems: DocumentProblem[];
  duplicates: DuplicateDocument[];
  statistics: {
    /** Files, pages and help texts that were tried. */
    files: number;
    filesRead: number;
    /** Files in folders whose name is of no supported format, by extension. */
    ignored: Record<string, number>;
    chunks: number;
    tokens: number;
  };
}

interface Input {
  label: string;
  read: (signal: AbortSignal) => Promise<ParsedDocument>;
}

interface Listing {
  inputs: Input[];
  problems: DocumentProblem[];
  ignored: Record<string, number>;
}

/**
 * Reads, splits and de-duplicates documents.
 *
 * @throws HindcastError DOCUMENTS_UNREADABLE when a path that was given does not exist or cannot be listed;
 * DOCUMENTS_EMPTY when nothing could be read from any source.
 */
export async function loadDocuments(
  sources: readonly DocumentSource[],
  options: LoadOptions,
  signal: AbortSignal,
): Promise<LoadedDocuments> {
  return atBoundary("documents", async () => {
    const listing: Listing = { inputs: [], problems: [], ignored: {} };
    // Two folders may hold files of the same name; the path that was given then tells them apart.
    const isPrefixed = sources.filter(({ kind }) => kind === "path").length > 1;
    for (const source of sources) await listSource(source, { options, listing, isPrefixed, signal });
    const loaded = await readInputs(listing, options, signal);
    if (loaded.documents.length === 0) throw nothingRead(sources, loaded);
    return loaded;
  });
}

async function readInputs(listing: Listing, options: LoadOptions, signal: AbortSignal): Promise<LoadedDocuments> {
  const { inputs, problems, ignored } = listing;
  const deduplicator = new DocumentDeduplicator();
  let filesRead = 0;
  let bytes = 0;
  for (let at = 0; at < inputs.length && bytes <= textBytesMax; at += readsAtOnce) {
    signal.throwIfAborted();
    const batch = inputs.slice(at, at + readsAtOnce);
    const results = await Promise.all(batch.map((input) => readInput(input, options, signal)));
    for (const result of results) {
      if ("problem" in result) problems.push(result);
      else {
        filesRead += 1;
        for (const document of result.documents)
          if (deduplicator.add(document)) bytes += Buffer.byteLength(document.text);
      }
    }
    options.onProgress?.(Math.min(at + readsAtOnce, inputs.length), inputs.length);
  }
  if (bytes > textBytesMax) {
    problems.push({
      source: "all sources",
      problem: `hold more than ${textBytesMax} bytes of text; the rest is not read`,
    });
  }
  const { documents, duplicates } = deduplicator;
  const tokens = documents.reduce((sum, document) => sum + document.tokens, 0);
  const statistics = { files: inputs.length, filesRead, ignored, chunks: documents.length, tokens };
  return { documents, problems, duplicates, statistics };
}

async function readInput(
  input: Input,
  options: LoadOptions,
  signal: AbortSignal,
): Promise<{ documents: Document[] } | DocumentProblem> {
  try {
    const parsed = await input.read(signal);
    const documents = splitDocument(parsed, input.label, options.tokensMax ?? limits.documentTokensMax);
    if (documents.length > 0) return { documents };
    return { source: input.label, problem: "contains no text; exclude it" };
  } catch (error) {
    signal.throwIfAborted();
    return { source: input.label, problem: messageOf(error) };
  }
}

interface ListContext {
  options: LoadOptions;
  listing: Listing;
  /** Whether files are named with the folder they were found in. */
  isPrefixed: boolean;
  signal: AbortSignal;
}

async function listSource(source: DocumentSource, context: ListContext): Promise<void> {
  const { options, listing, signal } = context;
  const surroundings = options.environment;
  switch (source.kind) {
    case "path":
      await listPath(source, context);
      return;
    case "manual":
      try {
        for (const page of await findManualPages(source.page, source.section, surroundings, signal)) {
          const label = `man:${page.name}(${page.section})`;
          listing.inputs.push({ label, read: (abort) => readManualPage(page, surroundings, abort) });
        }
      } catch (error) {
        signal.throwIfAborted();
        listing.problems.push({ source: sourceText(source), problem: messageOf(error) });
      }
      return;
    case "help":
      listing.inputs.push({
        label: sourceText(source),
        read: (abort) => readHelp(source.command, surroundings, abort),
      });
  }
}

async function listPath(
  source: Extract<DocumentSource, { kind: "path" }>,
  { options, listing, isPrefixed }: ListContext,
): Promise<void> {
  try {
    const input = (label: string, path: string): Input => ({
      label,
      read: (abort) => readDocumentFile(path, options, abort),
    });
    // A name may hold what looks like a wildcard (`[slug].md`), so what exists is what is meant.
    const glob = existsSync(source.path) ? null : splitGlob(source.path);
    const path = glob?.folder ?? source.path;
    if (!(await stat(path)).isDirectory()) {
      listing.inputs.push(input(path, await realpath(path)));
      return;
    }
    const folder = await walkFolder(path, glob === null ? (source.include ?? []) : [glob.glob], source.exclude ?? []);
    const root = await realpath(path);
    const label = (file: string): string => (isPrefixed ? join(path, file) : file);
    listing.inputs.push(...folder.files.map((file) => input(label(file), join(root, file))));
    listing.problems.push(...folder.problems.map(({ source: file, problem }) => ({ source: label(file), problem })));
    for (const [extension, count] of Object.entries(folder.ignored)) {
      listing.ignored[extension] = (listing.ignored[extension] ?? 0) + count;
    }
    if (folder.files.length === 0) {
      const kinds = Object.entries(folder.ignored).sort(([, x], [, y]) => y - x);
      const seen = kinds
        .slice(0, ignoredKindsShown)
        .map(([extension, count]) => `${count} ${extension || "hidden"} file(s)`);
      const problem =
        glob !== null
          ? "matches no file"
          : seen.length === 0
            ? "holds no file"
            : `holds nothing of a supported format (seen: ${seen.join(", ")})`;
      listing.problems.push({ source: source.path, problem });
    }
  } catch (error) {
    const message = `The documents at "${source.path}" cannot be read: the path ${openProblem(error)}.`;
    throw new HindcastError({ code: "DOCUMENTS_UNREADABLE", boundary: "documents", message, cause: error });
  }
}

async function readDocumentFile(path: string, options: LoadOptions, signal: AbortSignal): Promise<ParsedDocument> {
  const bytes = await readFileBytes(path, options.fileBytesMax ?? limits.documentFileBytesMax);
  const named = formatOfName(path);
  // A name without an extension promises nothing, and a page that was saved as .txt may still be HTML.
  const format = named === null || named === "text" ? formatOfContent(bytes) : named;
  switch (format) {
    case "pdf":
      return parsePdf(bytes, signal);
    case "manual":
      return readManualFile(path, options.environment, signal);
    default:
      return parseText(format, decodeText(bytes));
  }
}

function nothingRead(sources: readonly DocumentSource[], { problems }: LoadedDocuments): HindcastError {
  const shown = problems.slice(0, problemsShown).map(({ source, problem }) => `${source} ${problem}`);
  const more = problems.length > problemsShown ? `; and ${problems.length - problemsShown} more like these` : "";
  const formats = sources.some(({ kind }) => kind === "path") ? ` Supported are ${supportedFormats}.` : "";
  const message =
    sources.length === 0
      ? "No documents were given; name a folder, a file, man:PAGE or help:COMMAND."
      : `No document could be read from ${sources.map((source) => `"${sourceText(source)}"`).join(", ")}: ` +
        `${shown.join("; ")}${more}.${formats}`;
  return new HindcastError({ code: "DOCUMENTS_EMPTY", boundary: "documents", message });
}
