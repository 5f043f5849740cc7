import { SimilarityIndex, featureSet } from "./minhash.ts";

/**
 * Similarity from which two instructions ask for the same thing. Names and values count double, so with the usual two
 * to four of them a single different one already brings the similarity below: "create tag v1.0" and "create tag v2.0"
 * are two tasks, and a held-out task with names and values of its own passes the guard. Rewording around the same names
 * and values ("with the message" for "with message") stays above. An instruction with many names and values of which
 * one is changed is a repetition: it would teach nothing new, and as a held-out task it would be too close.
 */
const instructionThreshold = 0.8;

/** Articles, conjunctions, prepositions and politeness: they change with the wording and never with the task. */
const fillers = new Set(
  (
    "a an the this that these those and or then so of in on at to for from with by into as is are be it its your you i my " +
    "please named called using use via such also new current following"
  ).split(" "),
);

/** Part of what somebody else knows: instructions by the ids that they were given there. */
export interface EarlierInstructions {
  /** @param features of `featuresOf`, as a set */
  find(features: Uint32Array): { id: string; similarity: number } | null;
}

/** Knows the instructions it was given and tells whether another one repeats one of them. */
export class InstructionDeduplicator {
  readonly #known = new SimilarityIndex<string>(instructionThreshold);
  readonly #earlier: EarlierInstructions | null;

  constructor(earlier: EarlierInstructions | null = null) {
    this.#earlier = earlier;
  }

  /** Of its own, without earlier ones. */
  get size(): number {
    return this.#known.size;
  }

  add(id: string, instruction: string): void {
    this.#known.add(id, featureSet(featuresOf(instruction)));
  }

  /** The id of the most similar known instruction, if that is a near-duplicate, else null. */
  isDuplicate(instruction: string): string | null {
    const features = featureSet(featuresOf(instruction));
    const [earlier, own] = [this.#earlier?.find(features) ?? null, this.#known.find(features)];
    return (earlier !== null && earlier.similarity >= (own?.similarity ?? 0) ? earlier : own)?.id ?? null;
  }

  /**
   * What it knows now, for another to start from; what it learns later is not among it.
   * @param passes leaves out instructions by their ids
   */
  upToNow(passes: (id: string) => boolean): EarlierInstructions {
    const { size } = this;
    return { find: (features) => this.#known.find(features, (entry, id) => entry < size && passes(id)) };
  }
}

/**
 * Words without fillers, once each; literals (quoted text, paths, options, numbers, versions) twice each, and once more
 * each pair of neighbouring literals, since renaming `a` to `b` is not renaming `b` to `a`.
 */
function featuresOf(instruction: string): string[] {
  const literals: string[] = [];
  const words: string[] = [];
  for (const { literal, text } of tokensOf(instruction)) {
    if (literal) literals.push(text);
    else if (!fillers.has(text)) words.push(stem(text));
  }
  const order = literals.slice(1).map((literal, at) => `order:${literals[at] ?? ""}→${literal}`);
  const features = [...words, ...literals.flatMap((literal) => [`literal:${literal}`, `again:${literal}`]), ...order];
  // An instruction of fillers alone is still equal to itself only.
  return features.length > 0 ? features : [instruction.trim().toLowerCase()];
}

/** Case matters in a literal (`-D` is not `-d`) and nowhere else. */
function tokensOf(instruction: string): { literal: boolean; text: string }[] {
  const pattern = /"([^"\n]+)"|“([^”\n]+)”|`([^`\n]+)`|(?<![\p{L}\p{N}])'([^'\n]+)'(?![\p{L}\p{N}])|([^\s"“”`]+)/gu;
  return [...instruction.normalize("NFC").matchAll(pattern)].flatMap(([, a, b, c, d, word]) => {
    const quoted = a ?? b ?? c ?? d;
    if (quoted !== undefined) return [{ literal: true, text: quoted.trim() }];
    const bare = (word ?? "").replace(/^[('[{<]+|[)'\]}>.,;:!?]+$/g, "");
    if (bare === "") return [];
    return [isLiteral(bare) ? { literal: true, text: bare } : { literal: false, text: bare.toLowerCase() }];
  });
}

/** Options, paths, file names, versions, identifiers: whatever carries a digit or a sign inside. */
function isLiteral(word: string): boolean {
  return /^-|\p{N}|[./\\=:$@~_*+#&|<>]/u.test(word);
}

/** Plural and singular are one word. */
function stem(word: string): string {
  return word.length > 3 && word.endsWith("s") && !word.endsWith("ss") ? word.slice(0, -1) : word;
}
