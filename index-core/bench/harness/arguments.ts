import { parseArgs } from "node:util";

/** `--name value` pairs of a program; a name that has no default is an error. */
export function argumentsOf<const D extends Record<string, string>>(defaults: D): Record<keyof D, string> {
  const options = Object.fromEntries(
    Object.entries(defaults).map(([name, value]) => [name, { type: "string", default: value } as const]),
  );
  return parseArgs({ options }).values as Record<keyof D, string>;
}

/** As the child's command line. */
export const argumentList = (values: Record<string, string | number>): string[] =>
  Object.entries(values).flatMap(([name, value]) => [`--${name}`, String(value)]);
