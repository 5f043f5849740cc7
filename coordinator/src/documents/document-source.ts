/** Where documents are read from. */
export type DocumentSource =
  /** A file, or a folder with everything readable in it. Globs match paths relative to the folder. */
  | { kind: "path"; path: string; include?: readonly string[]; exclude?: readonly string[] }
  /** One manual page or, with a glob, all that match; `section` null means any. */
  | { kind: "manual"; page: string; section: string | null }
  /** What the command prints when `--help` is added to it. */
  | { kind: "help"; command: readonly string[] };

/** Something that could not be read, and a sentence on why and what to do. Never fatal by itself. */
export interface DocumentProblem {
  source: string;
  problem: string;
}

/**
 * Reads the way a source is written on a command line: `man:git-tag`, `man:git-*(1)`, `help:npm pkg`, or a path.
 *
 * @throws Error naming what is wrong with it.
 */
export function parseDocumentSource(text: string): DocumentSource {
  if (text.startsWith("man:")) {
    const parts = /^man:([\w@+.:*?[\]{},][\w@+.:*?[\]{},-]*)(?:\((\d[a-z]*)\))?$/i.exec(text);
    if (parts === null)
      throw new Error(`"${text}" names no manual page; write man:NAME, man:NAME(SECTION) or man:GLOB`);
    return { kind: "manual", page: parts[1] ?? "", section: parts[2] ?? null };
  }
  if (text.startsWith("help:")) {
    const command = text
      .slice("help:".length)
      .split(/\s+/)
      .filter((word) => word !== "");
    if (command.length === 0) throw new Error(`"${text}" names no command; write for example "help:npm pkg"`);
    return { kind: "help", command };
  }
  if (text.trim() === "") throw new Error("an empty text is no document source; give a path, man:NAME or help:COMMAND");
  return { kind: "path", path: text };
}

/** As `parseDocumentSource` reads it; names the source in messages. */
export function sourceText(source: DocumentSource): string {
  switch (source.kind) {
    case "path":
      return source.path;
    case "manual":
      return `man:${source.page}${source.section === null ? "" : `(${source.section})`}`;
    case "help":
      return `help:${source.command.join(" ")}`;
  }
}

/** Matches in the folder that it starts from, or null where a path has no wildcard: `docs/**\/*.md` → `docs`, `**\/*.md`. */
export function splitGlob(path: string): { folder: string; glob: string } | null {
  const parts = path.split("/");
  const at = parts.findIndex((part) => /[*?[\]{}]/.test(part));
  if (at === -1) return null;
  const above = parts.slice(0, at).join("/");
  return { folder: at === 0 ? "." : above === "" ? "/" : above, glob: parts.slice(at).join("/") };
}
