// An answer that was paid for is never bought again: a repeated campaign or a resumed episode finds it here by the hash
// of its request. Only answers are kept, never errors. What an entry cost stays in the entry; a hit costs nothing.
import { z } from "zod";
import { BlobRef } from "../../domain/ids.ts";
import { Usage } from "../../domain/usage.ts";
import { HindcastError } from "../../errors.ts";
import { limits } from "../../limits.ts";
import type { BlobStore, RecordStore } from "../bus/bus.ts";
import type { Completion, CompletionRequest, Model } from "./model.ts";
import { requestHashOf } from "./request-hash.ts";

const Words = z.strictObject({ text: z.string(), thinking: z.string().nullable() });
type Words = z.infer<typeof Words>;

/** A value of the JOURNAL bucket, under its request hash. */
export const JournaledCompletion = z.strictObject({
  v: z.literal(1),
  model: z.string(),
  resolvedModel: z.string(),
  /** Words that do not fit a message lie in the blob store, as JSON. */
  answer: z.discriminatedUnion("kind", [
    z.strictObject({ kind: z.literal("inline"), words: Words }),
    z.strictObject({ kind: z.literal("blob"), ref: BlobRef }),
  ]),
  stop: z.enum(["end", "output-limit", "refusal", "context-overflow"]),
  usage: Usage,
  /** What was paid when it was bought; null: unknown. */
  costUsd: z.number().nonnegative().nullable(),
  durationMs: z.number().nonnegative(),
  attempts: z.int().nonnegative(),
  /** Present and true when it was bought through a batch endpoint. */
  batched: z.boolean().optional(),
});
export type JournaledCompletion = z.infer<typeof JournaledCompletion>;

export interface JournalStore {
  records: Pick<RecordStore<JournaledCompletion>, "get" | "create">;
  blobs: BlobStore;
}

/** A request under way, and how many callers wait for it. */
interface Flight {
  answer: Promise<Completion>;
  /** Aborts the request and makes room for a new one, once nobody waits any more. */
  abandon: (reason: unknown) => void;
  waiting: number;
}

/**
 * Wraps a model with the journal. A hit has `journaled: true`, `attempts: 0` and `costUsd: 0`, because nothing was
 * bought; its `usage` is the original one. Equal requests at the same time share one call; all but the first are hits.
 * @throws HindcastError also when the answer cannot be journaled: an answer is never used without a record of it.
 */
export function journaled(model: Model, store: JournalStore): Model {
  const flights = new Map<string, Flight>();
  const complete = async (request: CompletionRequest, signal: AbortSignal): Promise<Completion> => {
    signal.throwIfAborted();
    const key = requestHashOf(model, request);
    const shared = flights.get(key);
    if (shared !== undefined) return asHit(await board(shared, signal), key);
    const controller = new AbortController();
    const land = (): void => void (flights.get(key) === flight && flights.delete(key));
    const flight: Flight = {
      answer: fetchOrBuy(model, store, request, controller.signal).finally(() => land()),
      abandon: (reason) => (land(), controller.abort(reason)),
      waiting: 0,
    };
    flights.set(key, flight);
    return board(flight, signal);
  };
  const settings = model.settings === undefined ? {} : { settings: model.settings };
  const priced = model.isPriced === undefined ? {} : { isPriced: model.isPriced };
  return { id: model.id, provider: model.provider, isOffline: model.isOffline, ...settings, ...priced, complete };
}

/** Waits for a shared call; a caller that aborts leaves alone, the last one takes the call down. */
async function board(flight: Flight, signal: AbortSignal): Promise<Completion> {
  flight.waiting++;
  const { promise: left, reject } = Promise.withResolvers<never>();
  const leave = (): void => reject(signal.reason);
  signal.addEventListener("abort", leave, { once: true });
  try {
    return await Promise.race([flight.answer, left]);
  } finally {
    signal.removeEventListener("abort", leave);
    flight.waiting--;
    if (flight.waiting === 0) flight.abandon(signal.reason);
  }
}

async function fetchOrBuy(
  model: Model,
  store: JournalStore,
  request: CompletionRequest,
  signal: AbortSignal,
): Promise<Completion> {
  const key = requestHashOf(model, request);
  const known = await read(store, key);
  if (known !== null) return asHit(known, key);
  signal.throwIfAborted();
  const bought = await model.complete(request, signal);
  const kept = await writeJournaled(store, key, model.id, bought);
  return { ...bought, ...kept, requestHash: key };
}

function asHit(completion: Completion, key: string): Completion {
  return { ...completion, requestHash: key, journaled: true, costUsd: 0, attempts: 0, durationMs: 0 };
}

/** The answer under a request hash, as a caller gets it who buys nothing; null where there is none. */
export async function readJournaled(store: JournalStore, key: string): Promise<Completion | null> {
  const known = await read(store, key);
  return known === null ? null : asHit(known, key);
}

async function read({ records, blobs }: JournalStore, key: string): Promise<Completion | null> {
  const entry = await records.get(key);
  if (entry === null) return null;
  const { answer, stop, usage, costUsd, resolvedModel, durationMs, attempts, batched } = entry.value;
  const words = answer.kind === "inline" ? answer.words : wordsOf(await blobs.get(answer.ref));
  const paid = { usage, costUsd, resolvedModel, durationMs, attempts, ...(batched === true && { batched }) };
  return { ...words, ...paid, stop, requestHash: key, journaled: true };
}

/**
 * Stores an answer and returns the words that everybody shall use: another process may have bought the same answer at
 * the same time, and then the first one that was stored is the one that a later run will see.
 */
export async function writeJournaled(
  store: JournalStore,
  key: string,
  model: string,
  bought: Completion,
): Promise<Partial<Completion>> {
  try {
    await store.records.create(key, await entryOf(store.blobs, model, bought));
    return {};
  } catch (error) {
    if (!(error instanceof HindcastError) || error.code !== "BUS_CONFLICT") throw error;
    const first = await read(store, key);
    if (first === null) throw error;
    const { text, thinking, stop, resolvedModel } = first;
    return { text, thinking, stop, resolvedModel };
  }
}

async function entryOf(blobs: BlobStore, model: string, bought: Completion): Promise<JournaledCompletion> {
  const { text, thinking, stop, usage, costUsd, resolvedModel, durationMs, attempts, batched } = bought;
  const rest = {
    v: 1 as const,
    model,
    resolvedModel,
    stop,
    usage,
    costUsd,
    durationMs,
    attempts,
    ...(batched === true && { batched }),
  };
  const entry: JournaledCompletion = { ...rest, answer: { kind: "inline", words: { text, thinking } } };
  if (Buffer.byteLength(JSON.stringify(entry)) <= limits.messageBytesMax) return entry;
  return { ...rest, answer: { kind: "blob", ref: await blobs.put(Buffer.from(JSON.stringify({ text, thinking }))) } };
}

function wordsOf(bytes: Uint8Array): Words {
  return Words.parse(JSON.parse(Buffer.from(bytes).toString("utf8")));
}
