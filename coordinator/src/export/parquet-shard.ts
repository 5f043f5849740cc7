import { ByteWriter, ParquetWriter } from "hyparquet-writer";
import { HashedFile, type FileDigest } from "./hashed-file.ts";
import { columnNames, parquetSchema } from "./parquet-columns.ts";

/** One Parquet file, written a row group at a time: at most one row group is in memory. */
export class ParquetShard implements AsyncDisposable {
  readonly #file: HashedFile;
  readonly #buffer = new ByteWriter();
  readonly #writer: ParquetWriter;

  private constructor(file: HashedFile) {
    this.#file = file;
    this.#writer = new ParquetWriter({ writer: this.#buffer, schema: parquetSchema, createdBy: "hindcast" });
  }

  static async create(path: string): Promise<ParquetShard> {
    return new ParquetShard(await HashedFile.create(path));
  }

  async writeRowGroup(rows: readonly Record<string, unknown>[]): Promise<void> {
    const columnData = columnNames.map((name) => ({ name, data: rows.map((row) => row[name]) }));
    await this.#writer.write({ columnData, rowGroupSize: rows.length });
    await this.#drain();
  }

  async close(): Promise<FileDigest> {
    await this.#writer.finish();
    await this.#drain();
    return this.#file.close();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#file[Symbol.asyncDispose]();
  }

  /** Moves what is encoded to the file. A copy: the file may hold on to the bytes while the buffer is used again. */
  async #drain(): Promise<void> {
    await this.#file.write(this.#buffer.getBytes().slice());
    this.#buffer.index = 0;
  }
}
