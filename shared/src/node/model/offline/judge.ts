// The offline judges: stated rules over a pair of instruction and trajectory. `strict` also refuses steps at the start or
// end that the instruction did not need.
import type { JudgeOutput } from "../../prompt/prompt.ts";
import { findSection, type Section } from "../../prompt/sections.ts";
import { changesOf } from "./changes.ts";
import { literals } from "./literals.ts";
import { isGoodPage } from "./page/told-step.ts";
import { seenSteps, textOf, type SeenStep } from "./reading-prompts.ts";
import { contentWords, quoted } from "./text.ts";

/** Share of an instruction's content words that the trajectory must show. */
const wordsShownMin = 0.3;
/** More steps than this for one instruction are a detour. */
const stepsMax = 12;

export function judgeOffline(sections: readonly Section[], isStrict: boolean): JudgeOutput {
  const instruction = textOf(sections, "instruction");
  const answer = findSection(sections, "answer")?.text ?? null;
  const steps = seenSteps(findSection(sections, "trajectory")?.children ?? []);
  const evidence = evidenceOf(steps, findSection(sections, "trajectory"));
  const checklist = [...checklistOf(instruction, steps, evidence), ...answerItems(instruction, answer, steps)];
  const criteria = {
    aligned: checklist.every(({ met }) => met) && wordsShown(instruction, evidence) >= wordsShownMin,
    coherent: steps.length > 0 && steps.every((step) => !failed(step)),
    natural: steps.length <= stepsMax && !steps.some((step) => /--help\b/.test(step.action) && steps.length > 1),
    reasonable: !repeats(steps) && !steps.some(isIdle) && !goesBackAndForth(steps),
  };
  const isNeeded = !isStrict || (steps.length > 0 && edgesAreNeeded(steps, answer !== null));
  const problems = [
    ...checklist.filter(({ met }) => !met).map(({ item }) => `not met: ${item}`),
    ...Object.entries(criteria).flatMap(([name, holds]) => (holds ? [] : [`not ${name}`])),
    ...(isNeeded ? [] : ["a step at the start or end is not needed"]),
  ];
  return {
    checklist,
    criteria: { ...criteria, reasonable: criteria.reasonable && isNeeded },
    score: Math.max(1, 5 - problems.length - (steps.length > 4 ? 1 : 0)),
    reason:
      problems.length === 0
        ? "Every rule holds: all that the instruction names is visible in what was done."
        : `${problems.join("; ")}.`,
    verdict: problems.length === 0 ? "yes" : "no",
  };
}

/** Everything that was done and seen, as text to look literals up in. */
function evidenceOf(steps: readonly SeenStep[], trajectory: Section | null): string {
  const initial = textOf(trajectory?.children.filter(({ name }) => name === "observation") ?? [], "observation");
  const parts = steps.flatMap((step) => [
    step.action,
    step.observation.raw,
    step.summary,
    ...step.effects.flatMap((effect) => [effect.path, effect.before ?? "", effect.after ?? ""]),
    ...changesOf(step.effects).map(({ past }) => past),
  ]);
  return [initial, ...parts].join("\n");
}

function checklistOf(instruction: string, steps: readonly SeenStep[], evidence: string): JudgeOutput["checklist"] {
  const named = [...new Set(literals(instruction).map(({ value }) => value))];
  const last = steps.at(-1);
  const asksForChange = !/\bAnswer with\b|^Replicate the following:/.test(instruction);
  return [
    ...named.map((value) => ({
      item: `${quoted(value)} appears in what was done`,
      met: evidence.includes(value) || evidence.includes(JSON.stringify(value).slice(1, -1)),
    })),
    { item: "the last command succeeded", met: last !== undefined && !failed(last) },
    ...(asksForChange ? [{ item: "something was changed", met: steps.some(hasChanged) }] : []),
  ];
}

function hasChanged(step: SeenStep): boolean {
  return step.effects.length > 0 || movedDirectory(step) || isGoodPage(step.observation.raw);
}

function movedDirectory(step: SeenStep): boolean {
  return /(?:^|[;&|]\s*)cd\b/.test(step.action);
}

function answerItems(instruction: string, answer: string | null, steps: readonly SeenStep[]): JudgeOutput["checklist"] {
  if (answer === null) return /\bAnswer with\b/.test(instruction) ? [{ item: "an answer is given", met: false }] : [];
  const shown = (steps.at(-1)?.observation.output ?? "").replace(/\s+/g, " ");
  const given = answer.replace(/\s+/g, " ").trim();
  return [
    { item: "the answer is what the last command printed", met: given !== "" && shown.includes(given.slice(0, 500)) },
  ];
}

function wordsShown(instruction: string, evidence: string): number {
  const shown = new Set(contentWords(evidence));
  const asked = [...new Set(contentWords(instruction))];
  return asked.length === 0 ? 0 : asked.filter((word) => shown.has(word)).length / asked.length;
}

function failed(step: SeenStep): boolean {
  const { killed, exitCode, raw } = step.observation;
  return killed || (exitCode ?? 0) !== 0 || raw.startsWith("[error: ");
}

function repeats(steps: readonly SeenStep[]): boolean {
  return new Set(steps.map((step) => step.action)).size < steps.length;
}

/** Neither changed nor printed anything. */
function isIdle(step: SeenStep): boolean {
  return step.effects.length === 0 && step.observation.output === "" && !movedDirectory(step);
}

/** A file is made and removed again, or a change is taken back; going to another branch and back is not meant. */
function goesBackAndForth(steps: readonly SeenStep[]): boolean {
  const effects = steps
    .filter((step) => !step.effects.some(({ path }) => path.endsWith("/.git/HEAD")))
    .flatMap((step, index) => step.effects.map((effect) => ({ ...effect, index })));
  return effects.some((one) =>
    effects.some(
      (other) =>
        other.index > one.index &&
        other.path === one.path &&
        !one.path.includes("/.git/") &&
        ((one.change === "created" && other.change === "removed") ||
          (one.change === "removed" && other.change === "created") ||
          (one.change === "modified" &&
            other.change === "modified" &&
            one.before !== null &&
            one.before === other.after)),
    ),
  );
}

/** The first step does something and so does the last, unless the instruction asks what it prints. */
function edgesAreNeeded(steps: readonly SeenStep[], hasAnswer: boolean): boolean {
  const first = steps[0];
  const last = steps.at(-1);
  const does = (step: SeenStep | undefined): boolean => step !== undefined && hasChanged(step);
  if (hasAnswer) return steps.length === 1 || does(first);
  return does(first) && last !== undefined && (last.effects.length > 0 || isGoodPage(last.observation.raw));
}
