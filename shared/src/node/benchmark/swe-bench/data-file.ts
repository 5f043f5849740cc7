// Rows of a data file (JSON Lines, gzipped or not, or Parquet), each with its place, so that an error can name it.
import { readFile, stat } from "node:fs/promises";
import { brotliDecompressSync, gunzipSync, zstdDecompressSync } from "node:zlib";
import { parquetReadObjects } from "hyparquet";
import type { z } from "zod";
import { HindcastError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

export interface DataRow {
  value: unknown;
  /** "verified.jsonl.gz line 12", "test.parquet row 12": both counted from 1. */
  place: string;
}

/** @throws DOCUMENTS_UNREADABLE naming file and line */
export async function readRows(file: string): Promise<DataRow[]> {
  const bytes = await bytesOf(file);
  const magic = bytes.subarray(0, 4);
  if (magic.toString("latin1") === "PAR1") return await parquetRows(file, bytes);
  const isGzip = magic[0] === 0x1f && magic[1] === 0x8b;
  return jsonLines(file, isGzip ? unpacked(file, bytes) : bytes);
}

/** The entries of one JSON list, or of one object of objects. @throws DOCUMENTS_UNREADABLE naming the file */
export async function readEntries(file: string): Promise<DataRow[]> {
  const text = decoded(file, await bytesOf(file));
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw unreadable(`${file} is no JSON: ${messageOf(error)}`, error);
  }
  if (value === null || typeof value !== "object") throw unreadable(`${file} holds neither a list nor an object`);
  return Object.values(value).map((entry: unknown, index) => ({ value: entry, place: `${file} entry ${index + 1}` }));
}

/** @throws DOCUMENTS_UNREADABLE naming file, line and field */
export function checkedRow<T>(schema: z.ZodType<T>, { value, place }: DataRow): T {
  const result = schema.safeParse(value);
  if (result.success) return result.data;
  const [first] = result.error.issues;
  const field = first === undefined || first.path.length === 0 ? "the row" : `field "${first.path.join(".")}"`;
  const others = result.error.issues.length - 1;
  throw unreadable(
    `${place}: ${field}: ${first?.message ?? "is not as it should be"}${others > 0 ? ` (and ${others} more problems)` : ""}`,
  );
}

export function unreadable(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "DOCUMENTS_UNREADABLE", boundary: "documents", message, cause });
}

async function bytesOf(file: string): Promise<Buffer> {
  try {
    const { size } = await stat(file);
    if (size > limits.benchmarkFileBytesMax) {
      throw new Error(`it has ${size} bytes, more than the ${limits.benchmarkFileBytesMax} that are read`);
    }
    return await readFile(file);
  } catch (error) {
    throw unreadable(`${file} cannot be read: ${messageOf(error)}`, error);
  }
}

function unpacked(file: string, bytes: Buffer): Buffer {
  try {
    return gunzipSync(bytes, { maxOutputLength: limits.benchmarkFileBytesMax });
  } catch (error) {
    throw unreadable(`${file} cannot be unpacked: ${messageOf(error)}`, error);
  }
}

function jsonLines(file: string, bytes: Buffer): DataRow[] {
  const text = decoded(file, bytes);
  return text.split("\n").flatMap((line, index) => {
    if (line.trim() === "") return [];
    const place = `${file} line ${index + 1}`;
    try {
      return [{ value: JSON.parse(line) as unknown, place }];
    } catch (error) {
      throw unreadable(`${place} is no JSON: ${messageOf(error)}`, error);
    }
  });
}

function decoded(file: string, bytes: Buffer): string {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch (error) {
    throw unreadable(`${file} is neither Parquet nor gzip nor UTF-8 text`, error);
  }
}

async function parquetRows(file: string, bytes: Buffer): Promise<DataRow[]> {
  const whole = bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.byteLength) as ArrayBuffer;
  const unpack = { maxOutputLength: limits.benchmarkFileBytesMax };
  try {
    const rows = await parquetReadObjects({
      file: whole,
      compressors: {
        GZIP: (page) => gunzipSync(page, unpack),
        ZSTD: (page) => zstdDecompressSync(page, unpack),
        BROTLI: (page) => brotliDecompressSync(page, unpack),
      },
    });
    // A column that a row has no value in is null there; in JSON Lines it is left out.
    return rows.map((row, index) => ({
      value: Object.fromEntries(Object.entries(row).filter(([, value]) => value !== null && value !== undefined)),
      place: `${file} row ${index + 1}`,
    }));
  } catch (error) {
    throw unreadable(`${file} is no readable Parquet file: ${messageOf(error)}`, error);
  }
}
