// How texts become requests: cut to what a model reads, grouped to what one request may hold, sent a few at a time.
import { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

/**
 * Bytes of a token, for the caps only: fewer than the four of prose, because code and other scripts than Latin have
 * more tokens per byte.
 */
export const bytesPerToken = 3;

export interface Batch {
  /** Position of the first text. */
  from: number;
  texts: readonly string[];
}

/** Consecutive texts, at most `embeddingBatchTextsMax` and about `embeddingBatchTokensMax` of them in each batch. */
export function batchesOf(texts: readonly string[]): Batch[] {
  const batches: Batch[] = [];
  let from = 0;
  let tokens = 0;
  const close = (to: number): void => {
    if (to > from) batches.push({ from, texts: texts.slice(from, to) });
    from = to;
    tokens = 0;
  };
  for (const [at, text] of texts.entries()) {
    const more = tokensOf(text);
    if (at - from >= limits.embeddingBatchTextsMax || tokens + more > limits.embeddingBatchTokensMax) close(at);
    tokens += more;
  }
  close(texts.length);
  return batches;
}

export function tokensOf(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / bytesPerToken);
}

/** Providers refuse empty texts. @throws HindcastError MODEL_REQUEST_INVALID naming the first one's position. */
export function refuseEmpty(texts: readonly string[], embedder: string): void {
  const index = texts.indexOf("");
  if (index === -1) return;
  throw new HindcastError({
    code: "MODEL_REQUEST_INVALID",
    boundary: "model",
    message: `Text ${index} of a request to ${embedder} is empty and cannot be embedded; leave it out.`,
  });
}

/** The longest beginning of a text that has at most so many bytes in UTF-8 and ends between characters. */
export function cutToBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.length <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && ((bytes[end] ?? 0) & 0xc0) === 0x80) end -= 1;
  return bytes.toString("utf8", 0, end);
}

/**
 * Works on `atOnce` items at a time. After the first failure no further one is begun, but those under way are waited
 * for, and then the failure is thrown.
 */
export async function eachAtOnce<T>(
  items: readonly T[],
  atOnce: number,
  work: (item: T) => Promise<void>,
): Promise<void> {
  const rest = items.values();
  const failures: unknown[] = [];
  const lane = async (): Promise<void> => {
    for (const item of rest) {
      try {
        await work(item);
      } catch (error) {
        failures.push(error);
      }
      if (failures.length > 0) return;
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, items.length) }, lane));
  if (failures.length > 0) throw failures[0];
}
