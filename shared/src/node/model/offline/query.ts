import { type Section, sectionsOf } from "../../prompt/sections.ts";
import { literals, masked } from "./literals.ts";
import { withoutResponseForm } from "../../benchmark/webarena/verified-task.ts";
import { statedGoal } from "./page/told-step.ts";
import { textOf } from "./reading-prompts.ts";
import { isStopWord } from "./text.ts";

/** The objective's telling words, with kinds in place of values; then the values that look like fields or settings. */
export function retrievalQueryOffline(sections: readonly Section[]): string {
  const stated = statedGoal(sectionsOf(sections, "observation").at(-1)?.text ?? "");
  const objective = (stated ?? withoutResponseForm(textOf(sections, "objective"))).replace(
    / Answer with what is printed\./,
    "",
  );
  const words = (masked(objective).match(/[\w-]+/g) ?? []).filter((word) => !isStopWord(word));
  const fields = literals(objective)
    .filter(({ kind, value }) => kind === "name" || (kind === "file" && /^\.|package|config/.test(value)))
    .map(({ value }) => value);
  return [...words, ...fields].join(" ");
}
