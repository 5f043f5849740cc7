// What every embedder is to Hindcast: texts in, unit vectors out. Vendor fields stay behind it.

/** Some models embed what is looked for otherwise than what is found. */
export type EmbeddingPurpose = "document" | "query";

export interface Embedder {
  /**
   * Names vendor, model, version and dimensions, e.g. `gemini/gemini-embedding-001@768`: vectors are comparable if and
   * only if the names of their embedders are equal.
   */
  readonly name: string;
  readonly dimensions: number;
  /**
   * One unit vector for each text, in the order of the texts. Vectors may be shared with other callers: read only.
   * @throws HindcastError of boundary `model`: MODEL_REQUEST_INVALID for an empty text, MODEL_ANSWER_INVALID naming
   * index and reason for an answer that is no such vector, and what `Model.complete` throws. An abort of `signal` is
   * thrown as its reason.
   */
  embed(texts: readonly string[], purpose: EmbeddingPurpose, signal: AbortSignal): Promise<Float32Array[]>;
}

/** Told of each batch: `from` is the position of its first text. */
export type OnBatch = (from: number, vectors: readonly Float32Array[]) => Promise<void>;

/** An embedder that sells by the batch: what one batch has brought is there although a later one fails. */
export interface BatchEmbedder extends Embedder {
  /** As `embed`, but hands over each batch as it is answered; waits for the batches under way before it throws. */
  embedBatches(
    texts: readonly string[],
    purpose: EmbeddingPurpose,
    onBatch: OnBatch,
    signal: AbortSignal,
  ): Promise<void>;
}
