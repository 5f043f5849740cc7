// How WebArena compares an answer, or a part of a page, with what it must be. Everything is compared in lower case and
// without one pair of outer quotes. VisualWebArena differs in two points: it does not trim, and it looks for every
// one-word phrase among the words of the answer, where WebArena does so for a lone one-letter phrase only.
import { wordTokens } from "./word-tokens.ts";

export type Variant = "webarena" | "visualwebarena";

export const alternativeSeparator = " |OR| ";

export function cleanAnswer(text: string, variant: Variant = "webarena"): string {
  const trimmed = variant === "webarena" ? text.trim() : text;
  const quote = trimmed[0];
  const isQuoted = (quote === "'" || quote === '"') && trimmed.endsWith(quote);
  return (isQuoted ? trimmed.slice(1, -1) : trimmed).toLowerCase();
}

export function exactMatch(reference: string, answer: string, variant: Variant = "webarena"): boolean {
  return cleanAnswer(reference, variant) === cleanAnswer(answer, variant);
}

export interface Inclusion {
  variant: Variant;
  /** The phrase is the only one asked for; then a one-letter phrase must be a word of its own. */
  isAlone: boolean;
}

export function includes(reference: string, answer: string, { variant, isAlone }: Inclusion): boolean {
  const phrase = cleanAnswer(reference, variant);
  const text = cleanAnswer(answer, variant);
  const byWords = variant === "visualwebarena" || (isAlone && Array.from(phrase).length === 1);
  return byWords && wordTokens(phrase).length === 1 ? wordTokens(text).includes(phrase) : text.includes(phrase);
}

/** Any of the references is part of the answer. */
export function includesOneOf(references: readonly string[], answer: string, variant: Variant): boolean {
  return references.some((reference) => answer.includes(cleanAnswer(reference, variant)));
}

/** An answer that is a whole number and satisfies an inequality such as `>= 300`. */
export function satisfies(inequality: string, answer: string): boolean {
  const digits = answer.trim().replaceAll(",", "");
  if (!/^[-+]?\d+$/.test(digits)) return false;
  const value = Number(digits);
  const parsed = /^[^<>=]*(<=|>=|==|<|>)\s*([-+]?\d+(?:\.\d+)?)\s*$/.exec(inequality);
  if (parsed === null) return false;
  const bound = Number(parsed[2]);
  const tolerance = 1e-8;
  switch (parsed[1]) {
    case "<=":
      return value <= bound + tolerance;
    case ">=":
      return value >= bound - tolerance;
    case "<":
      return value < bound + tolerance;
    case ">":
      return value > bound - tolerance;
    default:
      return Math.abs(value - bound) <= tolerance;
  }
}
