import { z } from "zod";
import { indexError } from "./index-error.ts";

/** Node-API would read a lone half of a surrogate pair as U+FFFD. */
export const WellFormed = z.string().refine((text) => text.isWellFormed(), "half a surrogate pair");

/** @throws INDEX_INVALID naming what does not fit the schema. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problem = z.prettifyError(parsed.error).slice(0, 2_000);
  throw indexError("INDEX_INVALID", `the index was given a malformed value: ${problem}`);
}
