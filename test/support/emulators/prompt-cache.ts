import { estimateTokens } from "@hindcast/shared";

/** Remembers prompt prefixes as providers' caches do, without their expiry. */
export class PromptCache {
  readonly #minimumTokens: number;
  readonly #known = new Set<string>();

  /** Prefixes below `minimumTokens` are silently not cached. */
  constructor(minimumTokens: number) {
    this.#minimumTokens = minimumTokens;
  }

  /**
   * Looks up the prefixes of `texts` that end after `ends` (counts of texts), then remembers them.
   * @returns tokens of the longest prefix that was known, and of the longest that is known from now on.
   */
  use(texts: string[], ends: number[]): { readTokens: number; prefixTokens: number } {
    let readTokens = 0;
    let prefixTokens = 0;
    for (const end of ends.toSorted((a, b) => a - b)) {
      const prefix = texts.slice(0, end);
      const tokens = countTokens(prefix);
      if (tokens < this.#minimumTokens) continue;
      const key = JSON.stringify(prefix);
      if (this.#known.has(key)) readTokens = tokens;
      this.#known.add(key);
      prefixTokens = tokens;
    }
    return { readTokens, prefixTokens };
  }
}

export function countTokens(texts: readonly string[]): number {
  return texts.reduce((sum, text) => sum + estimateTokens(text), 0);
}
