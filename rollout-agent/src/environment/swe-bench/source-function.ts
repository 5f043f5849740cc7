// A function of a source file, by its place in it.
import { z } from "zod";

export const SourceFunction = z.strictObject({
  file: z.string(),
  /** `Class.method`; the names of a file's functions tell whether a change left its structure alone. */
  scope: z.string(),
  line: z.int().positive(),
  /** Bytes of the file: from the function's first word, decorators not among them, to its end. */
  start: z.int().nonnegative(),
  end: z.int().nonnegative(),
  /** Where its head ends: what is before says what the function is called, takes and does. */
  bodyStart: z.int().nonnegative(),
});
export type SourceFunction = z.infer<typeof SourceFunction>;
