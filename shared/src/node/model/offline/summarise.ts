// The offline change summariser: what the action was, what it changed, what it printed.
import type { Section } from "../../prompt/sections.ts";
import { findSection } from "../../prompt/sections.ts";
import { changesOf } from "./changes.ts";
import { pageView } from "./page/page-view.ts";
import { toldStep } from "./page/told-step.ts";
import { seenEffects, seenObservation, textOf, type SeenObservation } from "./reading-prompts.ts";
import { capitalised, englishList, quoted } from "./text.ts";

/** Of what was printed, the start is enough to tell what it was. */
const outputCharactersMax = 200;

export function summarise(sections: readonly Section[]): string {
  const action = textOf(sections, "action");
  const after = findSection(sections, "after")?.children ?? [];
  const onPage = summaryOnPage(sections, action);
  if (onPage !== null) return onPage;
  const before = seenObservation(textOf(findSection(sections, "before")?.children ?? [], "observation"));
  return summaryOf(action, seenObservation(textOf(after, "observation")), changeTexts(after), before.workingDirectory);
}

function summaryOnPage(sections: readonly Section[], action: string): string | null {
  const before = pageView(textOf(findSection(sections, "before")?.children ?? [], "observation"));
  const after = pageView(textOf(findSection(sections, "after")?.children ?? [], "observation"));
  if (before === null || after === null) return null;
  const told = after.hasFailed ? null : toldStep(action, before);
  return told === null ? `${quoted(action)} could not be done.` : `${capitalised(told.past)}.`;
}

function changeTexts(sections: readonly Section[]): string[] {
  const effects = seenEffects(sections);
  const changes = changesOf(effects).map(({ past }) => past);
  if (changes.length > 0 || effects.length === 0) return changes;
  return effects.some((effect) => effect.path.endsWith("/.git/index")) ? ["changed what is staged"] : [];
}

function summaryOf(
  action: string,
  after: SeenObservation,
  changes: readonly string[],
  directoryBefore: string,
): string {
  const command = quoted(action.replace(/\s+/g, " "));
  const printed = after.output.replace(/\s+/g, " ");
  const shown = printed.length > outputCharactersMax ? `${printed.slice(0, outputCharactersMax)}…` : printed;
  if (after.killed) return `${command} was killed before it ended.`;
  if (after.exitCode !== null && after.exitCode !== 0) {
    return `${command} failed with exit code ${after.exitCode}${shown === "" ? "." : `: ${shown}`}`;
  }
  const moved =
    after.workingDirectory !== directoryBefore && directoryBefore !== ""
      ? [`moved to ${quoted(after.workingDirectory)}`]
      : [];
  const done = [...changes, ...moved];
  if (done.length > 0) return `${command} ${englishList(done)}${shown === "" ? "." : ` and printed: ${shown}`}`;
  return shown === ""
    ? `${command} changed nothing and printed nothing.`
    : capitalised(`${command} changed nothing and printed: ${shown}`);
}
