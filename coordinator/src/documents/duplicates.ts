import type { Document } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { SimilarityIndex, featureSet } from "../similarity/minhash.ts";

/**
 * Jaccard similarity of word 5-shingles from which two chunks are the same text with small changes (another date, a
 * renamed product). One word changed in every ten leaves about a third of the shingles, far below; 0.8 is the
 * threshold usual for cleaning training corpora (Lee et al., arXiv 2107.06499).
 */
export const nearDuplicateThreshold = 0.8;
const shingleWords = 5;

export interface DuplicateDocument {
  /** Source and part, `path#part`. */
  source: string;
  of: string;
  /** 1 when only case, spacing or punctuation differ. */
  similarity: number;
}

/** Keeps the first of several chunks with the same, or nearly the same, text. */
export class DocumentDeduplicator {
  readonly documents: Document[] = [];
  readonly duplicates: DuplicateDocument[] = [];
  readonly #exact = new Map<string, string>();
  readonly #near = new SimilarityIndex<string>(nearDuplicateThreshold);

  /** Whether it was kept. */
  add(document: Document): boolean {
    const name = `${document.source}#${document.part}`;
    const words = wordsOf(document.text);
    const hash = sha256Hex(words.join(" "));
    const twin = this.#exact.get(hash);
    const set = featureSet(shinglesOf(words));
    const found = twin === undefined ? this.#near.find(set) : { id: twin, similarity: 1 };
    if (found !== null) {
      this.duplicates.push({ source: name, of: found.id, similarity: found.similarity });
      return false;
    }
    this.#exact.set(hash, name);
    this.#near.add(name, set);
    this.documents.push(document);
    return true;
  }
}

/** Words and numbers in lower case; a text of signs alone is its own only word. */
function wordsOf(text: string): string[] {
  const words = text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
  return words.length > 0 ? words : [text.trim()];
}

function shinglesOf(words: readonly string[]): string[] {
  if (words.length <= shingleWords) return [words.join(" ")];
  return Array.from({ length: words.length - shingleWords + 1 }, (_, at) =>
    words.slice(at, at + shingleWords).join(" "),
  );
}
