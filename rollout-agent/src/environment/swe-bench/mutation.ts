// A bug that can be put into a source file, described as a replacement of bytes, so that all else of it stays as it is.
import { z } from "zod";

export const Mutation = z.strictObject({
  file: z.string(),
  /** "flip-comparison": what was done. */
  operator: z.string(),
  /** Of the function or class around it, for the text; empty at module level. */
  scope: z.string(),
  line: z.int().positive(),
  /** Bytes of the file. */
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  replacement: z.string(),
});
export type Mutation = z.infer<typeof Mutation>;
