// Vector searches in bytes instead of JSON: a question of 600 vectors of 384 components is one message. Every number is
// little-endian; shared/docs/protocol.md has the layout byte by byte, and golden bytes pin it.
//
// A frame is read only after its lengths add up to the message's, so nothing is allocated that the message does not
// hold. Whatever is wrong is a PROTOCOL_* error that names the place.
import { z } from "zod";
import { HindcastError } from "../errors.ts";
import { limits } from "../limits.ts";
import { VectorSearch } from "./retrieval.ts";

export const vectorFrameVersion = 1;
/** Second byte of a frame. */
export const vectorFrameKinds = { question: 1, answer: 2 } as const;
const headerBytes = 16;

export interface VectorQuestion {
  dimensions: number;
  /** Hits that each query wants. */
  k: number;
  /** Finite and not all zeros, one query after the other; the index normalises them. */
  vectors: Float32Array;
  search: VectorSearch;
}

const AnswerTail = z.strictObject({ indexVersion: z.string().max(1_000), epoch: z.string().max(10_000) });

export interface VectorAnswer extends z.infer<typeof AnswerTail> {
  indexSequence: number;
  /** Hits of each query. */
  counts: Uint32Array;
  /** Of all queries, one after the other, best first. */
  scores: Float32Array;
  ids: string[];
}

const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { fatal: true });
/** As frames are; then numbers are copied as they are. */
const isLittleEndian = new Uint8Array(Uint16Array.of(1).buffer)[0] === 1;

/** What an answer takes at least: the shortest id is `demo-` and one character. */
export const vectorAnswerBytesMin = (queries: number, hitsEach: number): number =>
  headerBytes + 12 + queries * (4 + hitsEach * (8 + 6));

/** @throws PROTOCOL_INVALID, PROTOCOL_TOO_LARGE */
export function encodeVectorQuestion(question: {
  dimensions: number;
  k: number;
  vectors: Float32Array;
  search: z.input<typeof VectorSearch>;
}): Uint8Array {
  const { dimensions, k, vectors } = question;
  inRange("dimensions", dimensions, 1, limits.vectorDimensionsMax);
  inRange("k", k, 1, limits.vectorHitsMax);
  const queries = vectors.length / dimensions;
  if (!Number.isInteger(queries)) {
    throw invalid(`${vectors.length} components are no whole number of vectors of ${dimensions} dimensions`);
  }
  inRange("the number of queries", queries, 1, limits.vectorQueriesMax);
  checkVectors(vectors, dimensions);
  const tail = encoder.encode(JSON.stringify(parse(VectorSearch, question.search, "the tail")));
  const bytes = frame(headerBytes + vectors.length * 4 + tail.length, vectorFrameKinds.question);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, dimensions, true);
  view.setUint16(4, k, true);
  view.setUint16(6, queries, true);
  view.setUint32(12, tail.length, true);
  writeNumbers(view, headerBytes, vectors);
  bytes.set(tail, headerBytes + vectors.length * 4);
  return bytes;
}

/** @throws PROTOCOL_INVALID, PROTOCOL_UNKNOWN_VERSION, PROTOCOL_TOO_LARGE naming the place; never anything else. */
export function decodeVectorQuestion(bytes: Uint8Array): VectorQuestion {
  const view = openFrame(bytes, vectorFrameKinds.question);
  const dimensions = inRange("dimensions (bytes 2–3)", view.getUint16(2, true), 1, limits.vectorDimensionsMax);
  const k = inRange("k (bytes 4–5)", view.getUint16(4, true), 1, limits.vectorHitsMax);
  const queries = inRange("the number of queries (bytes 6–7)", view.getUint16(6, true), 1, limits.vectorQueriesMax);
  inRange("flags (bytes 8–11)", view.getUint32(8, true), 0, 0);
  const tailLength = view.getUint32(12, true);
  const tailAt = headerBytes + queries * dimensions * 4;
  sameLength(bytes, tailAt + tailLength, `${queries} queries of ${dimensions} dimensions and a tail of ${tailLength}`);
  const search = parse(VectorSearch, json(bytes, tailAt, tailLength), `the tail (from byte ${tailAt})`);
  const vectors = readNumbers(view, headerBytes, queries * dimensions);
  checkVectors(vectors, dimensions);
  return { dimensions, k, vectors, search };
}

/** @throws PROTOCOL_INVALID, PROTOCOL_TOO_LARGE */
export function encodeVectorAnswer(answer: VectorAnswer): Uint8Array {
  const { counts, scores, ids, indexSequence, indexVersion, epoch } = answer;
  const hits = ids.length;
  const counted = counts.reduce((sum, count) => sum + count, 0);
  if (counted !== hits || scores.length !== hits) {
    throw invalid(`an answer of ${counted} counted hits has ${hits} ids and ${scores.length} scores`);
  }
  inRange("the number of queries", counts.length, 1, limits.vectorQueriesMax);
  const names = encoder.encode(ids.join(""));
  const nameBytes = names.length;
  const lengthOf = lengthsIn(nameBytes, ids);
  const tail = encoder.encode(JSON.stringify({ indexVersion, epoch }));
  const idsAt = headerBytes + 8 + counts.length * 4 + hits * 8 + 4;
  const bytes = frame(idsAt + nameBytes + tail.length, vectorFrameKinds.answer);
  const view = new DataView(bytes.buffer);
  view.setUint16(2, counts.length, true);
  view.setUint32(4, hits, true);
  view.setUint32(8, nameBytes, true);
  view.setUint32(12, tail.length, true);
  view.setBigUint64(16, BigInt(indexSequence), true);
  let at = headerBytes + 8;
  for (const count of counts) view.setUint32((at += 4) - 4, count, true);
  writeNumbers(view, at, scores);
  at += hits * 4;
  let offset = 0;
  for (const id of ids) {
    view.setUint32(at, offset, true);
    at += 4;
    offset += lengthOf(id);
  }
  view.setUint32(at, offset, true);
  bytes.set(names, idsAt);
  bytes.set(tail, idsAt + nameBytes);
  return bytes;
}

/** @throws PROTOCOL_INVALID, PROTOCOL_UNKNOWN_VERSION, PROTOCOL_TOO_LARGE naming the place; never anything else. */
export function decodeVectorAnswer(bytes: Uint8Array): VectorAnswer {
  const view = openFrame(bytes, vectorFrameKinds.answer);
  const queries = inRange("the number of queries (bytes 2–3)", view.getUint16(2, true), 1, limits.vectorQueriesMax);
  const hits = view.getUint32(4, true);
  const nameBytes = view.getUint32(8, true);
  const tailLength = view.getUint32(12, true);
  const scoresAt = headerBytes + 8 + queries * 4;
  const offsetsAt = scoresAt + hits * 4;
  const idsAt = offsetsAt + (hits + 1) * 4;
  const tailAt = idsAt + nameBytes;
  sameLength(bytes, tailAt + tailLength, `${queries} queries, ${hits} hits and ${nameBytes} bytes of ids`);
  const indexSequence = Number(view.getBigUint64(16, true));
  if (!Number.isSafeInteger(indexSequence)) throw invalid("the index sequence (bytes 16–23) is too large");
  const counts = Uint32Array.from({ length: queries }, (_, query) => view.getUint32(headerBytes + 8 + query * 4, true));
  const counted = counts.reduce((sum, count) => sum + count, 0);
  if (counted !== hits) throw invalid(`the counts (from byte 24) add up to ${counted}, but there are ${hits} hits`);
  const scores = readNumbers(view, scoresAt, hits);
  const badScore = scores.findIndex((score) => !Number.isFinite(score));
  if (badScore >= 0) throw invalid(`the score of hit ${badScore} is ${scores[badScore]}`);
  const ids = Array.from({ length: hits }, (_, hit) => {
    const from = view.getUint32(offsetsAt + hit * 4, true);
    const to = view.getUint32(offsetsAt + hit * 4 + 4, true);
    if (from > to || to > nameBytes) throw invalid(`the offsets of hit ${hit}'s id are ${from} and ${to}`);
    return text(bytes, idsAt + from, to - from, `the id of hit ${hit}`);
  });
  const tail = parse(AnswerTail, json(bytes, tailAt, tailLength), `the tail (from byte ${tailAt})`);
  return { indexSequence, counts, scores, ids, ...tail };
}

/** Bytes of each text. Where all together have as many bytes as units, all are ASCII, and each has as many, too. */
function lengthsIn(bytes: number, texts: readonly string[]): (text: string) => number {
  const units = texts.reduce((sum, one) => sum + one.length, 0);
  return units === bytes ? (one) => one.length : (one) => encoder.encode(one).length;
}

function frame(length: number, kind: number): Uint8Array<ArrayBuffer> {
  if (length > limits.replyBytesMax) throw tooLarge(length);
  const bytes = new Uint8Array(length);
  bytes[0] = vectorFrameVersion;
  bytes[1] = kind;
  return bytes;
}

function openFrame(bytes: Uint8Array, kind: number): DataView {
  if (bytes.length > limits.replyBytesMax) throw tooLarge(bytes.length);
  // An answer's sequence follows its header.
  const needed = kind === vectorFrameKinds.answer ? headerBytes + 8 : headerBytes;
  if (bytes.length < needed) throw invalid(`a vector frame has ${bytes.length} bytes, fewer than its header`);
  if (bytes[0] !== vectorFrameVersion) {
    throw new HindcastError({
      code: "PROTOCOL_UNKNOWN_VERSION",
      boundary: "protocol",
      message: `version ${bytes[0]} of a vector frame (byte 0) is not known here (known: ${vectorFrameVersion}); upgrade this process or its peer`,
    });
  }
  if (bytes[1] !== kind) throw invalid(`kind (byte 1) is ${bytes[1]}; expected ${kind}`);
  return new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function checkVectors(vectors: Float32Array, dimensions: number): void {
  for (let from = 0; from < vectors.length; from += dimensions) {
    const vector = vectors.subarray(from, from + dimensions);
    const query = from / dimensions;
    let isZero = true;
    for (let at = 0; at < dimensions; at += 1) {
      const value = vector[at] ?? 0;
      if (!Number.isFinite(value))
        throw invalid(`query ${query}, component ${at} is ${value}; expected a finite number`);
      if (value !== 0) isZero = false;
    }
    if (isZero) throw invalid(`query ${query} is zero in all ${dimensions} components and has no direction`);
  }
}

/** A copy: the message's bytes may lie at any address, and belong to the client library. */
function readNumbers(view: DataView, offset: number, length: number): Float32Array {
  if (isLittleEndian) {
    const from = view.byteOffset + offset;
    return new Float32Array(view.buffer.slice(from, from + length * 4));
  }
  const numbers = new Float32Array(length);
  for (let at = 0; at < length; at += 1) numbers[at] = view.getFloat32(offset + at * 4, true);
  return numbers;
}

function writeNumbers(view: DataView, offset: number, numbers: Float32Array): void {
  if (isLittleEndian) {
    const bytes = new Uint8Array(numbers.buffer, numbers.byteOffset, numbers.byteLength);
    new Uint8Array(view.buffer, view.byteOffset + offset, bytes.length).set(bytes);
    return;
  }
  for (let at = 0; at < numbers.length; at += 1) view.setFloat32(offset + at * 4, numbers[at] ?? 0, true);
}

function json(bytes: Uint8Array, from: number, length: number): unknown {
  const source = text(bytes, from, length, `the tail (from byte ${from})`);
  try {
    return JSON.parse(source);
  } catch (error) {
    throw invalid(`the tail (from byte ${from}) is not JSON: ${String(error)}`);
  }
}

function text(bytes: Uint8Array, from: number, length: number, what: string): string {
  try {
    return decoder.decode(bytes.subarray(from, from + length));
  } catch {
    throw invalid(`${what} is not UTF-8`);
  }
}

function parse<S extends z.ZodType>(schema: S, value: unknown, where: string): z.output<S> {
  try {
    const parsed = schema.safeParse(value);
    if (parsed.success) return parsed.data;
    throw invalid(`${where} is malformed: ${z.prettifyError(parsed.error)}`);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw invalid(`${where} is nested too deeply`);
  }
}

function inRange(what: string, value: number, min: number, max: number): number {
  if (Number.isInteger(value) && value >= min && value <= max) return value;
  throw invalid(`${what} is ${value}; expected a whole number from ${min} to ${max}`);
}

function sameLength(bytes: Uint8Array, expected: number, what: string): void {
  if (bytes.length !== expected) throw invalid(`${what} take ${expected} bytes, but the frame has ${bytes.length}`);
}

function tooLarge(length: number): HindcastError {
  return new HindcastError({
    code: "PROTOCOL_TOO_LARGE",
    boundary: "protocol",
    message: `a vector frame of ${length} bytes exceeds the limit of ${limits.replyBytesMax}; ask for less at once`,
  });
}

function invalid(message: string): HindcastError {
  return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message: message.slice(0, 2_000) });
}
