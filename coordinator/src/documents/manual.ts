// Manual pages are found and formatted by `man`, or by `mandoc` where there is no man and a file is given.
import { readdir } from "node:fs/promises";
import { basename, join, matchesGlob } from "node:path";
import type { ParsedDocument } from "./block.ts";
import { decodePrinted } from "./decode.ts";
import { manualColumns, parseManualPage } from "./formats/manual-page.ts";
import { programEnvironment, runProgram } from "./run-program.ts";

/** The longest pages (bash, git-config) take half a second; a machine under load gets thirty. */
const formatTimeoutMs = 15_000;
const printedBytesMax = 16 * 1024 * 1024;

export interface ManualPage {
  name: string;
  section: string;
}

export type Surroundings = Readonly<Record<string, string | undefined>>;

/**
 * The pages that a name or glob stands for, sorted by name.
 *
 * @throws Error when there is none, or no `man`.
 */
export async function findManualPages(
  page: string,
  section: string | null,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<ManualPage[]> {
  const isGlob = /[*?[\]{}]/.test(page);
  const query = isGlob ? [] : [...(section === null ? [] : [section]), page];
  const found = await man(["-w", ...query], surroundings, signal);
  const paths = new TextDecoder().decode(found.output).trim();
  const missing = `is not among the manual pages of this machine; install the package that brings it`;
  if (found.exitCode !== 0 || paths === "") throw new Error(missing);
  if (!isGlob) {
    const file = pageOfFile(basename(paths.split("\n")[0] ?? ""));
    return [{ name: page, section: section ?? file?.section ?? "1" }];
  }
  const pages = new Map<string, ManualPage>();
  for (const folder of paths.split(/[:\n]/)) {
    for (const file of await filesOf(folder)) {
      const candidate = pageOfFile(file);
      if (candidate === null || !matchesGlob(candidate.name, page)) continue;
      if (section !== null && candidate.section !== section) continue;
      pages.set(`${candidate.name}(${candidate.section})`, candidate);
    }
  }
  if (pages.size === 0) throw new Error(missing);
  return [...pages].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, found]) => found);
}

/** @throws Error when it cannot be formatted. */
export async function readManualPage(
  page: ManualPage,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<ParsedDocument> {
  const printed = await man([page.section, page.name], surroundings, signal);
  return parsePrinted(printed.exitCode, printed.output);
}

/** A page in a file of its own, compressed or not; `path` is absolute. @throws Error when it cannot be formatted. */
export async function readManualFile(
  path: string,
  surroundings: Surroundings,
  signal: AbortSignal,
): Promise<ParsedDocument> {
  const printed = await man(["-l", path], surroundings, signal).catch((error: unknown) => {
    if (!/not found on PATH/.test(String(error))) throw error;
    return run(["mandoc", "-T", "utf8", "-O", `width=${manualColumns}`, path], surroundings, signal);
  });
  return parsePrinted(printed.exitCode, printed.output);
}

function parsePrinted(exitCode: number | null, output: Uint8Array): ParsedDocument {
  const parsed = output.length === 0 ? { title: null, blocks: [] } : parseManualPage(decodePrinted(output));
  if (parsed.blocks.some((block) => block.kind === "heading")) return parsed;
  // Container images often replace man by a notice that pages were left out; that must not become a document.
  const why = exitCode === 0 ? "printed no manual page" : `ended with exit code ${exitCode ?? "none"}`;
  throw new Error(`could not be formatted: man ${why}; check that "man" shows it`);
}

function man(args: readonly string[], surroundings: Surroundings, signal: AbortSignal): ReturnType<typeof runProgram> {
  return run(["man", ...args], surroundings, signal);
}

function run(argv: readonly string[], surroundings: Surroundings, signal: AbortSignal): ReturnType<typeof runProgram> {
  const environment = {
    ...programEnvironment(surroundings),
    MANWIDTH: String(manualColumns),
    MANPAGER: "cat",
    // man-db reads options from here; other implementations do not know the variable, so they do not stumble over it.
    MANOPT: "--no-hyphenation --no-justification",
  };
  return runProgram(argv, { environment, timeoutMs: formatTimeoutMs, outputBytesMax: printedBytesMax }, signal);
}

/** Names of the page files in a manual path's folders `man1` to `man9`; a folder that is not there has none. */
async function filesOf(manualFolder: string): Promise<string[]> {
  const list = (path: string): Promise<string[]> => readdir(path).catch(() => []);
  const sections = (await list(manualFolder)).filter((name) => /^man\d[a-z]*$/.test(name));
  return (await Promise.all(sections.map((name) => list(join(manualFolder, name))))).flat();
}

function pageOfFile(file: string): ManualPage | null {
  const parts = /^(.+)\.(\d[a-z]{0,6})(?:\.(?:gz|bz2|xz|zst))?$/.exec(file);
  return parts === null ? null : { name: parts[1] ?? "", section: parts[2] ?? "" };
}
