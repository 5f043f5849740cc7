import type { Section } from "../../prompt/sections.ts";
import { literals, masked } from "./literals.ts";
import { textOf } from "./reading-prompts.ts";

/** The objective in words, literals by kind, then the literals that look like fields or names of the application. */
export function retrievalQueryOffline(sections: readonly Section[]): string {
  const objective = textOf(sections, "objective").replace(/ Answer with what is printed\./, "");
  const fields = literals(objective)
    .filter(({ kind, value }) => kind === "name" || (kind === "file" && /^\.|package|config/.test(value)))
    .map(({ value }) => value);
  return `${masked(objective)} ${fields.join(" ")}`.replace(/\s+/g, " ").trim();
}
