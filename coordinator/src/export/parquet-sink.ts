import { rename } from "node:fs/promises";
import { join } from "node:path";
import type { Demonstration } from "@hindcast/shared";
import type { FileDigest } from "./hashed-file.ts";
import { parquetRow } from "./parquet-columns.ts";
import { ParquetShard } from "./parquet-shard.ts";
import type { ExportedFile, ExportSink } from "./sink.ts";
import type { Split } from "./split.ts";

/** A shard of the hub is best a few hundred MB; at some 10 KB a row, compressed to a tenth, this stays below. */
export const rowsPerShardDefault = 100_000;
/** Rows and text held before a row group is written: the memory bound of the export. */
const rowsPerGroup = 1_000;
const charactersPerGroup = 16 * 1024 * 1024;

interface FinishedShard extends FileDigest {
  stagedPath: string;
  rows: number;
}

/** The rows of one split, as shards that are numbered when their count is known. */
class ShardSeries {
  readonly #pathOf: (index: number) => string;
  readonly #rowsPerShard: number;
  readonly finished: FinishedShard[] = [];
  #open: { shard: ParquetShard; stagedPath: string; rows: number } | null = null;
  #group: Record<string, unknown>[] = [];
  #groupCharacters = 0;

  constructor(pathOf: (index: number) => string, rowsPerShard: number) {
    this.#pathOf = pathOf;
    this.#rowsPerShard = rowsPerShard;
  }

  async add(row: Record<string, unknown>, characters: number): Promise<void> {
    this.#group.push(row);
    this.#groupCharacters += characters;
    const shardRows = (this.#open?.rows ?? 0) + this.#group.length;
    const isGroupFull = this.#group.length >= rowsPerGroup || this.#groupCharacters >= charactersPerGroup;
    if (isGroupFull || shardRows >= this.#rowsPerShard) await this.#writeGroup();
    if (shardRows >= this.#rowsPerShard) await this.close();
  }

  /** Finishes the open shard, if there is one. */
  async close(): Promise<void> {
    if (this.#group.length > 0) await this.#writeGroup();
    if (this.#open === null) return;
    const { shard, stagedPath, rows } = this.#open;
    this.finished.push({ ...(await shard.close()), stagedPath, rows });
    this.#open = null;
  }

  async abandon(): Promise<void> {
    await this.#open?.shard[Symbol.asyncDispose]();
  }

  async #writeGroup(): Promise<void> {
    if (this.#open === null) {
      const stagedPath = this.#pathOf(this.finished.length);
      this.#open = { shard: await ParquetShard.create(stagedPath), stagedPath, rows: 0 };
    }
    await this.#open.shard.writeRowGroup(this.#group);
    this.#open.rows += this.#group.length;
    this.#group = [];
    this.#groupCharacters = 0;
  }
}

/** `data/<split>-00000-of-0000N.parquet`, the layout that the Hugging Face hub expects. */
export class ParquetSink implements ExportSink {
  readonly #folder: string;
  readonly #flattenSystem: boolean;
  readonly #series: Record<Split, ShardSeries>;

  constructor(folder: string, rowsPerShard: number = rowsPerShardDefault, flattenSystem = false) {
    this.#folder = folder;
    this.#flattenSystem = flattenSystem;
    const series = (split: Split): ShardSeries =>
      new ShardSeries((index) => join(folder, "data", `${split}-${index}.part`), rowsPerShard);
    this.#series = { train: series("train"), validation: series("validation") };
  }

  async write(demonstration: Demonstration, split: Split): Promise<void> {
    const characters = demonstration.steps.reduce((sum, step) => sum + JSON.stringify(step).length, 0);
    await this.#series[split].add(parquetRow(demonstration, this.#flattenSystem), 2 * characters);
  }

  async finish(nameOf: (split: Split) => Split): Promise<ExportedFile[]> {
    const files: ExportedFile[] = [];
    for (const split of ["train", "validation"] as const) {
      const series = this.#series[split];
      await series.close();
      const five = (n: number): string => String(n).padStart(5, "0");
      for (const [index, { stagedPath, rows, bytes, sha256 }] of series.finished.entries()) {
        const path = `data/${nameOf(split)}-${five(index)}-of-${five(series.finished.length)}.parquet`;
        await rename(stagedPath, join(this.#folder, path));
        files.push({ path, bytes, sha256, rows });
      }
    }
    return files;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#series.train.abandon();
    await this.#series.validation.abandon();
  }
}
