import { createHash } from "node:crypto";

export type Split = "train" | "validation";

/** Rows of one source in a hundred sources that go to validation. */
export const validationPercentDefault = 10;

/**
 * Splits by source document and never by row: windows of one run, and runs of one document, share text, so a split by
 * row would leak. A function of the name alone: a larger export keeps every document on the side it was on.
 */
export function splitOf(documentSource: string, validationPercent: number): Split {
  const bucket = createHash("sha256").update(`split:${documentSource}`).digest().readUInt32BE(0) % 100;
  return bucket < validationPercent ? "validation" : "train";
}
