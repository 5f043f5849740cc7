import type { Demonstration } from "@hindcast/shared";
import { AtifSink } from "./atif-sink.ts";
import { conversationOf, stepExamplesOf } from "./conversation.ts";
import { JsonlSink } from "./jsonl-sink.ts";
import { lineageOf } from "./lineage.ts";
import { ParquetSink, rowsPerShardDefault } from "./parquet-sink.ts";
import type { ExportedFile, ExportSink } from "./sink.ts";
import type { Split } from "./split.ts";

export const exportFormats = ["messages", "steps", "atif", "parquet"] as const;
export type ExportFormat = (typeof exportFormats)[number];

export interface ExportSinkOptions {
  formats?: readonly ExportFormat[];
  flattenSystem?: boolean;
  rowsPerShard?: number;
}

/** The writers of the formats that were asked for, as one. */
export class ExportSinks implements ExportSink {
  readonly #all: readonly ExportSink[];
  /** The one writer that takes whole episodes too; null when its format was not asked for. */
  readonly atif: AtifSink | null;

  constructor(
    folder: string,
    { formats = exportFormats, flattenSystem = false, rowsPerShard = rowsPerShardDefault }: ExportSinkOptions,
  ) {
    this.atif = formats.includes("atif") ? new AtifSink(folder) : null;
    const jsonl = (name: ExportFormat, rowsOf: (demonstration: Demonstration) => Iterable<object>): ExportSink[] =>
      formats.includes(name) ? [new JsonlSink({ folder, name, rowsOf })] : [];
    this.#all = [
      ...jsonl("messages", (demonstration) => messageRows(demonstration, flattenSystem)),
      ...jsonl("steps", (demonstration) => stepRows(demonstration, flattenSystem)),
      ...(this.atif === null ? [] : [this.atif]),
      ...(formats.includes("parquet") ? [new ParquetSink(folder, rowsPerShard, flattenSystem)] : []),
    ];
  }

  async write(demonstration: Demonstration, split: Split): Promise<void> {
    for (const sink of this.#all) await sink.write(demonstration, split);
  }

  async finish(nameOf: (split: Split) => Split): Promise<ExportedFile[]> {
    const files: ExportedFile[] = [];
    for (const sink of this.#all) files.push(...(await sink.finish(nameOf)));
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const sink of this.#all) await sink[Symbol.asyncDispose]();
  }
}

/** One row: the whole trajectory as a conversation. */
function* messageRows(demonstration: Demonstration, flattenSystem: boolean): Generator<object> {
  const messages = conversationOf(demonstration, flattenSystem);
  yield { id: demonstration.id, messages, lineage: lineageOf(demonstration) };
}

/** One row per step that is worth imitating. */
function* stepRows(demonstration: Demonstration, flattenSystem: boolean): Generator<object> {
  const lineage = lineageOf(demonstration);
  for (const { step, prompt, completion } of stepExamplesOf(demonstration, flattenSystem)) {
    yield { id: `${demonstration.id}-${step}`, prompt, completion, lineage };
  }
}
