import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { Demonstration } from "@hindcast/shared";
import { HashedFile } from "./hashed-file.ts";
import type { ExportedFile, ExportSink } from "./sink.ts";
import type { Split } from "./split.ts";

export interface JsonlSinkOptions {
  folder: string;
  /** File name without extension: rows of training go to `<name>.jsonl`, the others to `<name>.validation.jsonl`. */
  name: string;
  rowsOf: (demonstration: Demonstration) => Iterable<object>;
}

/** JSON Lines, one file per split, opened when its first row comes. */
export class JsonlSink implements ExportSink {
  readonly #options: JsonlSinkOptions;
  readonly #files = new Map<Split, { file: HashedFile; rows: number }>();

  constructor(options: JsonlSinkOptions) {
    this.#options = options;
  }

  async write(demonstration: Demonstration, split: Split): Promise<void> {
    for (const row of this.#options.rowsOf(demonstration)) {
      let open = this.#files.get(split);
      if (open === undefined) {
        open = { file: await HashedFile.create(this.#stagedPath(split)), rows: 0 };
        this.#files.set(split, open);
      }
      await open.file.write(`${JSON.stringify(row)}\n`);
      open.rows += 1;
    }
  }

  async finish(nameOf: (split: Split) => Split): Promise<ExportedFile[]> {
    const files: ExportedFile[] = [];
    for (const [split, { file, rows }] of this.#files) {
      const digest = await file.close();
      const path = jsonlPath(this.#options.name, nameOf(split));
      await rename(this.#stagedPath(split), join(this.#options.folder, path));
      files.push({ path, ...digest, rows });
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { file } of this.#files.values()) await file[Symbol.asyncDispose]();
  }

  #stagedPath(split: Split): string {
    return join(this.#options.folder, `${this.#options.name}.${split}.part`);
  }
}

function jsonlPath(name: string, split: Split): string {
  return split === "train" ? `${name}.jsonl` : `${name}.${split}.jsonl`;
}
