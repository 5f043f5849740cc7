// Whether a text (the agent's answer, or part of a page) has what a task asks for. Rules multiply; what only a model can
// decide is asked last, and not at all where something else has failed already.
import type { ReferenceAnswers } from "../../../domain/webarena-reference.ts";
import type { FuzzyJudge, FuzzyJudgement } from "./fuzzy-judge.ts";
import {
  alternativeSeparator,
  cleanAnswer,
  exactMatch,
  includes,
  includesOneOf,
  satisfies,
  type Variant,
} from "./string-match.ts";

/** One thing that was checked; `score` null where it could not be decided. */
export interface Component {
  name: string;
  score: 0 | 1 | null;
  /** One line, and for a judged one the question and the reply. */
  detail: string;
}

export interface RequiredContents {
  rules: ReferenceAnswers;
  text: string;
  /** Where the text is from: names the components. */
  of: "answer" | "page";
  variant: Variant;
  intent: string;
  /** Why the task cannot be done; the judge of `N/A` answers is shown it. */
  reason: string;
  judge: FuzzyJudge;
}

export async function checkContents(required: RequiredContents, signal: AbortSignal): Promise<Component[]> {
  const plain = plainComponents(required);
  if (required.rules.fuzzy_match === undefined) {
    return plain.length > 0 ? plain : [{ name: `${required.of} rules`, score: null, detail: "the task has no rule" }];
  }
  // A product that is 0 stays 0: no model needs to be paid for it.
  if (plain.some(({ score }) => score === 0)) return plain;
  return [...plain, ...(await fuzzyComponents(required, signal))];
}

function plainComponents({ rules, text, of, variant }: RequiredContents): Component[] {
  const component = (rule: string, wanted: string, holds: boolean): Component => ({
    name: `${of} ${rule}`,
    score: holds ? 1 : 0,
    detail: `${JSON.stringify(wanted)} ${holds ? "holds" : `does not hold for ${JSON.stringify(text.slice(0, 200))}`}`,
  });
  const components: Component[] = [];
  const { exact_match, must_include, must_exclude, one_of, required_values } = rules;
  if (exact_match !== undefined) {
    components.push(component("exact_match", exact_match, exactMatch(exact_match, text, variant)));
  }
  const phrases = listOf(must_include);
  // WebArena's answers are phrases as they stand; its pages, and all of VisualWebArena, know alternatives.
  const hasAlternatives = of === "page" || variant === "visualwebarena";
  for (const phrase of phrases) {
    const any = hasAlternatives ? phrase.split(alternativeSeparator) : [phrase];
    const isAlone = of === "answer" && phrases.length === 1;
    components.push(
      component(
        "must_include",
        phrase,
        any.some((one) => includes(one, text, { variant, isAlone })),
      ),
    );
  }
  for (const phrase of must_exclude ?? []) {
    components.push(component("must_exclude", phrase, !includes(phrase, text, { variant, isAlone: false })));
  }
  if (one_of !== undefined) {
    components.push(component("one_of", one_of.join(" | "), includesOneOf(one_of, text, variant)));
  }
  for (const value of required_values ?? []) {
    const holds = value.split(alternativeSeparator).some((inequality) => satisfies(inequality, text));
    components.push(component("required_values", value, holds));
  }
  return components;
}

async function fuzzyComponents(required: RequiredContents, signal: AbortSignal): Promise<Component[]> {
  const { rules, text, of, variant, intent, reason, judge } = required;
  const name = `${of} fuzzy_match`;
  if (rules.fuzzy_match === "N/A") {
    if (exactMatch("N/A", text, variant)) return [{ name, score: 1, detail: "the answer is N/A" }];
    // Nothing was said, and nothing is the reason of nothing.
    if (text.trim() === "") return [{ name, score: 0, detail: "the answer is empty" }];
    const question = { kind: "unachievable", intent, reference: reason, answer: text } as const;
    return [judged(name, await judge.judge(question, signal))];
  }
  const components: Component[] = [];
  for (const reference of fuzzyReferences(listOf(rules.fuzzy_match), required)) {
    if (text.trim() === "") {
      components.push({ name, score: reference === "" ? 1 : 0, detail: "the answer is empty" });
    } else {
      const question = { kind: "answer", intent, reference, answer: text } as const;
      components.push(judged(name, await judge.judge(question, signal)));
    }
    if (components.at(-1)?.score === 0) break;
  }
  return components;
}

/** An answer is asked about once for each; a page of WebArena-Lite once for all, because each is a part of what it says. */
function fuzzyReferences(given: readonly string[], { of, variant }: RequiredContents): string[] {
  if (variant === "visualwebarena") return given.flatMap(split);
  return of === "page" ? [given.join(", ")] : [...given];
}

function judged(name: string, judgement: FuzzyJudgement): Component {
  if (judgement.outcome === "unavailable") {
    return { name, score: null, detail: `judge_unavailable: ${judgement.reason}\n${judgement.question}` };
  }
  const score = judgement.outcome === "match" ? 1 : 0;
  return { name, score, detail: `judged ${judgement.outcome}: ${judgement.reply}\n${judgement.question}` };
}

function split(text: string): string[] {
  return text.split(alternativeSeparator);
}

function listOf(value: string | string[] | undefined): string[] {
  return value === undefined ? [] : typeof value === "string" ? [value] : value;
}

/** The agent's answer as WebArena takes it: once more without quotes. */
export function answerText(answer: string | null, variant: Variant): string {
  return cleanAnswer(answer ?? "", variant);
}
