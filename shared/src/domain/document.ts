import { z } from "zod";
import { DocumentId } from "./ids.ts";

/**
 * One chunk of documentation, the `d ∈ Doc` of the paper's Algorithm 1: a section (or several short ones) within the
 * token budget, with the path of headings that leads to it. `id` is derived from the content alone, so the same text
 * found twice is the same document.
 */
export const Document = z.strictObject({
  id: DocumentId,
  /** Where it was read: a path relative to the folder that was given, `man:git-commit(1)`, or `help:npm pkg`. */
  source: z.string().min(1),
  /** Ordinal of this chunk within its source, from 0. */
  part: z.int().nonnegative(),
  title: z.string(),
  headingPath: z.array(z.string()),
  /** Markdown-like text; fenced blocks are kept as fences whatever the source format was. */
  text: z.string().min(1),
  /** By the stated rule of `estimateTokens`, not a vendor's tokenizer. */
  tokens: z.int().nonnegative(),
});
export type Document = z.infer<typeof Document>;
