import type { Demonstration } from "@hindcast/shared";
import type { Split } from "./split.ts";

/** A finished file of an export; `path` is relative to its folder, with forward slashes. */
export interface ExportedFile {
  path: string;
  bytes: number;
  sha256: string;
  /** Rows of a table, lines of a JSONL file; null for files that are not made of rows. */
  rows: number | null;
}

/** One format being written into the staging folder, one demonstration at a time. */
export interface ExportSink extends AsyncDisposable {
  write(demonstration: Demonstration, split: Split): Promise<void>;
  /**
   * Closes the files and gives them their final names. Only now is it known which splits have rows: `nameOf` maps the
   * side that rows were written to onto the name that its files get.
   */
  finish(nameOf: (split: Split) => Split): Promise<ExportedFile[]>;
}
