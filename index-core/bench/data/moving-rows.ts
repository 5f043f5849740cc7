// Rows that are replaced all the time, and what a search may and may not say about them.
import { normalOf, randomOf } from "../harness/statistics.ts";

/** Clusters of the vectors; without any, a graph over random vectors would be hopeless and say nothing. */
const clusters = 64;
const spread = 0.6;
/** Between a search and its check a row may be replaced several times: at the end of one turnover and early in the next. */
const versionsKept = 5;

/** More vectors than rows have versions that are kept, so that no version can pass for another. */
export const sparesOfChurn = 2 ** 16;

export class MovingRows {
  readonly rows: number;
  readonly dimensions: number;
  /** Every vector that a row can get, drawn in advance: drawing takes longer than upserting, and is not to be measured. */
  readonly #drawn: Float32Array;
  /** Per version, newest first, the number of each row's drawn vector. */
  readonly #versions: Uint32Array[];
  /** When each version's upsert was acknowledged; infinite while it is under way. */
  readonly #acknowledgedAt: Float64Array[];
  readonly #normal: () => number;
  readonly #random: () => number;
  readonly #centres: Float32Array;
  #order: number[] = [];
  #taken: number;

  /** @param spare vectors to be drawn for replacements; after the last the first are used again. */
  constructor(rows: number, dimensions: number, spare = 0) {
    this.rows = rows;
    this.dimensions = dimensions;
    this.#taken = rows;
    this.#random = randomOf(rows + dimensions);
    this.#normal = normalOf(this.#random);
    this.#centres = Float32Array.from({ length: clusters * dimensions }, this.#normal);
    this.#versions = Array.from({ length: versionsKept }, () => Uint32Array.from({ length: rows }, (_, row) => row));
    this.#acknowledgedAt = Array.from({ length: versionsKept }, () => new Float64Array(rows));
    this.#drawn = new Float32Array((rows + spare) * dimensions);
    for (let at = 0; at < rows + spare; at += 1) this.fill(this.#vector(at));
  }

  /** The rows as they are now, one after the other. */
  get newest(): Float32Array {
    const vectors = new Float32Array(this.rows * this.dimensions);
    for (const [row, at] of this.#versions[0]!.entries()) vectors.set(this.#vector(at), row * this.dimensions);
    return vectors;
  }

  /** A new vector of the same distribution. */
  fill(vector: Float32Array): Float32Array {
    const centre = Math.floor(this.#random() * clusters) * this.dimensions;
    let squares = 0;
    for (let at = 0; at < vector.length; at += 1) {
      const value = (this.#centres[centre + at] ?? 0) + spread * this.#normal();
      vector[at] = value;
      squares += value * value;
    }
    const scale = 1 / Math.sqrt(squares);
    for (let at = 0; at < vector.length; at += 1) vector[at] = (vector[at] ?? 0) * scale;
    return vector;
  }

  /** The next rows to replace, each once a turnover in an order that changes, with their new vectors. */
  next(count: number): { changed: number[]; vectors: Float32Array } {
    if (this.#order.length < count) this.#order.push(...this.#shuffled());
    const changed = this.#order.splice(0, count);
    const { dimensions } = this;
    const vectors = new Float32Array(changed.length * dimensions);
    for (const [at, row] of changed.entries()) {
      const vector = this.#taken % (this.#drawn.length / dimensions);
      this.#taken += 1;
      this.#age(row);
      this.#versions[0]![row] = vector;
      vectors.set(this.#vector(vector), at * dimensions);
    }
    return { changed, vectors };
  }

  /** Only one upsert is under way at a time, so what is acknowledged is the newest version. */
  acknowledge(changed: readonly number[]): void {
    const now = performance.now();
    for (const row of changed) this.#acknowledgedAt[0]![row] = now;
  }

  /** Whether a search that started then may give this score to this row. */
  mayScore(row: number, score: number, query: Float32Array, startedAt: number): boolean {
    for (const [age, vectors] of this.#versions.entries()) {
      if (near(this.#dot(vectors[row] ?? 0, query), score)) return true;
      // An older version is right only for a search that began before this one was acknowledged.
      if ((this.#acknowledgedAt[age]?.[row] ?? 0) < startedAt) return false;
    }
    return false;
  }

  /** The k best rows now, by a plain loop. */
  best(query: Float32Array, k: number): Set<number> {
    const scores = Float64Array.from({ length: this.rows }, (_, row) => this.#dot(this.#versions[0]![row]!, query));
    const order = Array.from(scores.keys()).toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
    return new Set(order.slice(0, k));
  }

  /** Makes every version of a row one older; the newest is then to be given. */
  #age(row: number): void {
    for (let age = versionsKept - 1; age > 0; age -= 1) {
      this.#versions[age]![row] = this.#versions[age - 1]![row]!;
      this.#acknowledgedAt[age]![row] = this.#acknowledgedAt[age - 1]![row]!;
    }
    this.#acknowledgedAt[0]![row] = Number.POSITIVE_INFINITY;
  }

  #vector(at: number): Float32Array {
    return this.#drawn.subarray(at * this.dimensions, (at + 1) * this.dimensions);
  }

  #dot(vector: number, query: Float32Array): number {
    let sum = 0;
    const from = vector * this.dimensions;
    for (let at = 0; at < this.dimensions; at += 1) sum += (this.#drawn[from + at] ?? 0) * (query[at] ?? 0);
    return sum;
  }

  #shuffled(): number[] {
    const order = Array.from({ length: this.rows }, (_, row) => row);
    for (let at = order.length - 1; at > 0; at -= 1) {
      const other = Math.floor(this.#random() * (at + 1));
      [order[at], order[other]] = [order[other]!, order[at]!];
    }
    return order;
  }
}

/** Scores are on a grid of 10⁻⁶ and come as f32. */
const near = (left: number, right: number): boolean => Math.abs(left - right) < 5e-6;
