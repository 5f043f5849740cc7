// How an environment variable is declared: a name, a schema for its text and a sentence for the README.
import { z } from "zod";

export interface EnvironmentVariable<S extends z.ZodType = z.ZodType> {
  name: string;
  schema: S;
  /** One sentence for the README's table. */
  description: string;
  /**
   * `plain`: the variable holds the value. `file`: it holds the path of a file whose content is the value.
   * `secret`: it holds the value, or `<name>_FILE` holds the path; never printed.
   */
  source: "plain" | "file" | "secret";
}

export type EnvironmentVariables = Readonly<Record<string, EnvironmentVariable>>;

export function variable<S extends z.ZodType>(
  name: string,
  schema: S,
  description: string,
  source: EnvironmentVariable["source"] = "plain",
): EnvironmentVariable<S> {
  return { name, schema, description, source };
}

export const LogLevel = z.enum(["silent", "fatal", "error", "warn", "info", "debug", "trace"]);
export type LogLevel = z.infer<typeof LogLevel>;

/** Environment variables are text: `1` and `true` mean yes, `0` and `false` mean no. */
export const Flag = z.enum(["0", "1", "false", "true"]).transform((text) => text === "1" || text === "true");

/** A whole number written in decimal digits. */
export const WholeNumber = z
  .string()
  .regex(/^\d{1,15}$/, "expected a whole number")
  .transform(Number);
