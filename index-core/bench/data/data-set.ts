// A data set on disk: unit vectors, held-out queries and the exact answers to them. Files are little-endian and raw, so
// that every engine can read them in its own language.
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, writeFileSync, writeSync } from "node:fs";
import { join } from "node:path";
import { workFolder } from "../harness/places.ts";

/** Neighbours kept per query: enough to leave 50 out and still have ten. */
export const truthDepth = 100;

export interface DataMeta {
  name: string;
  rows: number;
  dimensions: number;
  queries: number;
  /** What it is made of, for the report. */
  source: string;
}

/** Exact answers, `depth` per query; −1 fills up where fewer pass. */
export interface Truth {
  depth: number;
  ids: Int32Array;
  scores: Float32Array;
}

export const dataFolder = (name: string): string => join(workFolder, "data", name);

export function readMeta(name: string): DataMeta | null {
  const path = join(dataFolder(name), "meta.json");
  return existsSync(path) ? (JSON.parse(readFileSync(path, "utf8")) as DataMeta) : null;
}

/** Written last: a folder without it is unfinished and made again. */
export function writeMeta(meta: DataMeta): void {
  writeFileSync(join(dataFolder(meta.name), "meta.json"), `${JSON.stringify(meta, null, 2)}\n`);
}

export const readVectors = (name: string, file: "vectors" | "queries"): Float32Array =>
  new Float32Array(readAligned(join(dataFolder(name), `${file}.f32`)));

export const readLabels = (name: string, file: string): Uint16Array =>
  new Uint16Array(readAligned(join(dataFolder(name), `${file}.u16`)));

export function readTruth(name: string, which = "truth"): Truth {
  const { queries } = readMeta(name) ?? { queries: 0 };
  const ids = new Int32Array(readAligned(join(dataFolder(name), `${which}.i32`)));
  const scores = new Float32Array(readAligned(join(dataFolder(name), `${which}.f32`)));
  return { depth: ids.length / queries, ids, scores };
}

export function writeTruth(name: string, truth: Omit<Truth, "depth">, which = "truth"): void {
  writeArray(name, `${which}.i32`, truth.ids);
  writeArray(name, `${which}.f32`, truth.scores);
}

/** In pieces: one write is limited to 2 GiB. */
export function writeArray(name: string, file: string, values: ArrayBufferView): void {
  const folder = dataFolder(name);
  mkdirSync(folder, { recursive: true });
  const descriptor = openSync(join(folder, file), "w");
  const pieceBytes = 2 ** 28;
  let from = 0;
  while (from < values.byteLength) {
    const bytes = Math.min(pieceBytes, values.byteLength - from);
    from += writeSync(descriptor, new Uint8Array(values.buffer, values.byteOffset + from, bytes));
  }
  closeSync(descriptor);
}

/** A copy, because small files are read into a pool whose alignment does not suit typed arrays. */
function readAligned(path: string): ArrayBuffer {
  const bytes = readFileSync(path);
  if (bytes.byteOffset === 0 && bytes.buffer instanceof ArrayBuffer && bytes.buffer.byteLength === bytes.byteLength)
    return bytes.buffer;
  const copy = new ArrayBuffer(bytes.byteLength);
  new Uint8Array(copy).set(bytes);
  return copy;
}
