// Vector questions about the corpus, each with a filter that one row in a hundred passes.
import { encodeVectorQuestion } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { embed } from "../../ts/index.ts";
import { corpusOf, textOf } from "./corpus.ts";

export const nearest = 10;
export const noExclusions = { demonstrations: [], tasks: [], documents: [], episodes: [] };
const dimensions = 1024;
/** Stored at once while the stream is filled. */
const atOnce = 64;

export const filterOf = (n: number): { eq: ["document", string] } => ({ eq: ["document", `doc-${n % 100}`] });

export async function fillStream(coordinator: Pick<Bus, "demonstrations">, rows: number): Promise<void> {
  for (let from = 0; from < rows; from += atOnce) {
    const batch = corpusOf(from, Math.min(rows, from + atOnce));
    await Promise.all(batch.map((one) => coordinator.demonstrations.put(one)));
  }
}

export class VectorQuestions {
  readonly #vectors: Float32Array;

  private constructor(vectors: Float32Array) {
    this.#vectors = vectors;
  }

  static async of(queries: number): Promise<VectorQuestions> {
    return new VectorQuestions(await embed(Array.from({ length: queries }, (_, n) => textOf(n * 7, 12))));
  }

  vectors(n: number, count = 1): Float32Array {
    const from = n % (this.#vectors.length / dimensions - count + 1);
    return this.#vectors.subarray(from * dimensions, (from + count) * dimensions);
  }

  frame(n: number, count = 1): Uint8Array {
    return encodeVectorQuestion({
      dimensions,
      k: nearest,
      vectors: this.vectors(n, count),
      search: { environment: "shell", embedder: "hash-v1", filter: filterOf(n), exclude: noExclusions },
    });
  }
}
