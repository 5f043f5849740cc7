import type { Document } from "@hindcast/shared";
import { type SeededRandom, stratifiedSample } from "../sampling.ts";

export interface DocumentSplit {
  /** What the campaign learns from. */
  learn: Document[];
  /** Whole sources that nothing is learned from: the document-disjoint tasks come from here. */
  heldOut: Document[];
  /** Not chosen this time. */
  unused: Document[];
}

/**
 * Chooses `documentsMax` documents, evenly over their sources so that one long page cannot crowd out the others, and holds back whole *sources*, because the chunks of one page share its subject.
 * At least one source stays on either side when a share is held out and there are two.
 */
export function splitDocuments(
  documents: readonly Document[],
  { documentsMax, heldOutPercent, random }: { documentsMax: number; heldOutPercent: number; random: SeededRandom },
): DocumentSplit {
  const sources = random.derive("sources").shuffle([...new Set(documents.map(({ source }) => source))]);
  const heldOutCount =
    heldOutPercent === 0 || sources.length < 2
      ? 0
      : Math.min(sources.length - 1, Math.max(1, Math.round((sources.length * heldOutPercent) / 100)));
  const heldOutSources = new Set(sources.slice(0, heldOutCount));
  const candidates = documents.filter(({ source }) => !heldOutSources.has(source));
  const chosen = new Set(
    stratifiedSample(candidates, documentsMax, ({ source }) => source, random.derive("documents")),
  );
  return {
    learn: candidates.filter((document) => chosen.has(document)),
    heldOut: documents.filter(({ source }) => heldOutSources.has(source)),
    unused: candidates.filter((document) => !chosen.has(document)),
  };
}
