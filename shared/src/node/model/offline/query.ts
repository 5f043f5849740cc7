import type { Section } from "../../prompt/sections.ts";
import { literals, masked } from "./literals.ts";
import { textOf } from "./reading-prompts.ts";
import { isStopWord } from "./text.ts";

/** The objective's telling words, with kinds in place of values; then the values that look like fields or settings. */
export function retrievalQueryOffline(sections: readonly Section[]): string {
  const objective = textOf(sections, "objective").replace(/ Answer with what is printed\./, "");
  const words = (masked(objective).match(/[\w-]+/g) ?? []).filter((word) => !isStopWord(word));
  const fields = literals(objective)
    .filter(({ kind, value }) => kind === "name" || (kind === "file" && /^\.|package|config/.test(value)))
    .map(({ value }) => value);
  return [...words, ...fields].join(" ");
}
