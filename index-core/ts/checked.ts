import { messageOf } from "@hindcast/shared";
import { z } from "zod";
import { indexError } from "./index-error.ts";

/** Node-API would read a lone half of a surrogate pair as U+FFFD. */
export const WellFormed = z.string().refine((text) => text.isWellFormed(), "half a surrogate pair");

/** @throws INDEX_INVALID naming what does not fit the schema. */
export function checked<S extends z.ZodType>(schema: S, value: unknown): z.output<S> {
  const problem = (text: string, cause?: unknown): Error =>
    indexError("INDEX_INVALID", `the index was given a malformed value: ${text.slice(0, 2_000)}`, cause);
  let parsed: z.ZodSafeParseResult<z.output<S>>;
  try {
    parsed = schema.safeParse(value);
  } catch (error) {
    // An object whose properties throw when they are read.
    throw problem(messageOf(error), error);
  }
  if (parsed.success) return parsed.data;
  throw problem(z.prettifyError(parsed.error));
}
