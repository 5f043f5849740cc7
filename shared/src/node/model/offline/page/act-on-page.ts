// The offline actor on a web page. Like the one in a shell it follows the document's guidance if there is any, else the
// retrieved demonstration that is most like the objective, carried over to this page; else it tries one call that the
// world's own list of actions and the objective's words make up.
import { findSection, type Section, sectionsOf } from "../../../prompt/sections.ts";
import { earlyStop } from "../../../benchmark/browser/early-stop.ts";
import { withoutResponseForm } from "../../../benchmark/webarena/verified-task.ts";
import { adapt } from "../adapt.ts";
import { literals, masked } from "../literals.ts";
import { seenSteps, textOf } from "../reading-prompts.ts";
import { likeness, wordWeights } from "../text.ts";
import { answerLine } from "./answer-form.ts";
import { callOn, isUnfinished, type PageStep, stepOfCall, stepOfGuidance, withoutRepeats } from "./page-step.ts";
import { roleWords } from "./told-step.ts";
import { names, pageView, type PageView } from "./page-view.ts";

/** Below this a demonstration is about something else. */
const likenessMin = 0.3;
/** Characters of a demonstration's instruction that name it in a reason. */
const nameCharacters = 160;

const allDone = "All steps are done.";

interface Plan {
  name: string;
  steps: PageStep[];
}

interface Done {
  action: string;
  reason: string;
}

type Turn = { reason: string; call: string | null };

/** Null where the present observation is no page. */
export function actOnPage(sections: readonly Section[]): string | null {
  const page = pageView(sectionsOf(sections, "observation").at(-1)?.text ?? "");
  if (page === null) return null;
  const objective = textOf(sections, "objective");
  const { reason, call } = nextTurn(sections, page, page.goal ?? withoutResponseForm(objective));
  const answer = answerLine(objective, reason === allDone);
  return `REASON: ${reason}\nACTION: ${call ?? (answer === null ? "stop()" : `stop(${JSON.stringify(answer)})`)}`;
}

function nextTurn(sections: readonly Section[], page: PageView, goal: string): Turn {
  const done = seenSteps(sections).map(({ action, reason }) => ({ action, reason }));
  const environment = textOf(sections, "environment");
  const situation = { page, goal, done, canScroll: environment.includes(scroll) };
  const guidance = sectionsOf(findSection(sections, "guidance")?.children ?? [], "command").map(({ text }) => text);
  if (guidance.length > 0) {
    return follow([guided(guidance, goal)], situation) ?? stop("The documentation suggests nothing further.");
  }
  return (
    follow(plansFrom(sections, page, goal), situation) ??
    tryForm(environment, situation) ??
    stop("Nothing is left to try that the list of actions or demonstrations suggest.")
  );
}

function stop(reason: string): Turn {
  return { reason, call: null };
}

/** A document's steps; a placeholder in brackets takes the goal's values in their order. */
function guided(guidance: readonly string[], goal: string): Plan {
  const values = literals(goal).map(({ value }) => value);
  const steps = guidance.flatMap((text) => stepOfGuidance(text) ?? []);
  const given = new Map<string, string>();
  const fill = (part: string): string => {
    if (!/^<[\w ]+>$/.test(part)) return part;
    const value = given.get(part) ?? values.shift() ?? part;
    given.set(part, value);
    return value;
  };
  return { name: "the documentation", steps: steps.map((step) => ({ ...step, rest: step.rest.map(fill) })) };
}

/** Demonstrations of pages as plans for this goal, the most alike first. */
function plansFrom(sections: readonly Section[], page: PageView, goal: string): Plan[] {
  const isSite = page.goal === null;
  const asked = masked(withRoles(isSite ? inClicks(goal) : goal, page));
  const shown = sectionsOf(findSection(sections, "demonstrations")?.children ?? [], "demonstration").map(
    ({ children }) => ({
      instruction: textOf(sectionsOf(children, "instruction"), "instruction"),
      // A step shows the page after its action; each was made on the page before.
      pages: [textOf(children, "observation"), ...seenSteps(children).map((step) => step.observation.raw)],
      actions: seenSteps(children).map((step) => step.action),
    }),
  );
  const weight = wordWeights(shown.map(({ instruction }) => masked(instruction)));
  return shown
    .map(({ instruction, pages, actions }) => {
      const steps = actions.map((action, index) => {
        const before = pageView(pages[index] ?? "");
        return before === null ? null : stepOfCall(action, before, instruction);
      });
      const texts = steps.flatMap((step) => step?.rest ?? []);
      const carried = adapt({ instruction, actions: texts }, goal, weight).commands;
      const known = steps.filter((step) => step !== null);
      const rest = (step: PageStep): string[] => step.rest.map(() => carried.shift() ?? "");
      return {
        name: instruction.replace(/\s+/g, " ").slice(0, nameCharacters),
        steps: known.length < steps.length ? [] : withoutRepeats(known.map((step) => ({ ...step, rest: rest(step) }))),
        // On a site the names of buttons are words of the wish: "Star the repository" is done by the button "Star".
        score: Math.max(likeness(asked, masked(instruction), weight), isSite ? likeness(goal, instruction, weight) : 0),
      };
    })
    .filter(({ steps, score }) => steps.length > 0 && score >= likenessMin)
    .toSorted((a, b) => b.score - a.score);
}

/** Demonstrations tell what was clicked on; wishes, what is to be open. */
function inClicks(goal: string): string {
  return goal.replace(/^(?:open|show me|go to|visit)\b/i, "click on");
}

/** The goal with the names of this page's elements as what they are: `Select "x"` as `Select checkbox "x"`. */
function withRoles(goal: string, { elements }: PageView): string {
  return elements
    .filter(({ name }) => names(goal, name))
    .reduce(
      (text, { role, name }) =>
        text.replace(new RegExp(`"?${RegExp.escape(name)}"?`, "i"), `${roleWords(role)} "${name}"`),
      goal,
    );
}

const followed = /^As in "([\s\S]*)", (step|looking for step) (\d+) of (\d+)\.$/;
/** What a step needs may be further down. One more in a row would end the episode, as if nothing had been looked for. */
const scrollsMax = earlyStop.repeatsMax - 1;
const scroll = "scroll [down]";

interface Situation {
  page: PageView;
  goal: string;
  done: readonly Done[];
  /** Whether the world lists scrolling among its actions: what is not seen may be there. */
  canScroll: boolean;
}

/** Continues the plan under way or starts the best one that can begin here; null when there is none. */
function follow(plans: readonly Plan[], { page, goal, done, canScroll }: Situation): Turn | null {
  const calls = done.map(({ action }) => action);
  const scrolled = calls.length - 1 - calls.findLastIndex((call) => call !== scroll);
  const name = (plan: Plan, what: string, at: number): string =>
    `As in "${plan.name}", ${what} ${at + 1} of ${plan.steps.length}.`;
  const turn = (plan: Plan, at: number): Turn | null => {
    const step = plan.steps[at];
    const call = step === undefined ? null : callOn(page, step, goal, calls);
    return call === null ? null : { reason: name(plan, "step", at), call };
  };
  const look = (plan: Plan | undefined, at: number): Turn | null =>
    plan?.steps[at] !== undefined && canScroll && scrolled < scrollsMax
      ? { reason: name(plan, "looking for step", at), call: scroll }
      : null;
  const [, named, what = "", position = ""] = followed.exec(done.at(-1)?.reason ?? "") ?? [];
  if (named === undefined) {
    if (done.length > 0) return null;
    return plans.map((plan) => turn(plan, 0)).find((first) => first !== null) ?? look(plans[0], 0);
  }
  const plan = plans.find((each) => each.name === named);
  const last = plan?.steps[Number(position) - 1];
  if (plan === undefined || last === undefined) return stop("What was followed is not shown any more.");
  const isOpen = what === "looking for step" || isUnfinished(page, last, goal, calls);
  const next = isOpen ? Number(position) - 1 : Number(position);
  return (
    turn(plan, next) ??
    look(plan, next) ??
    stop(next < plan.steps.length ? "The next step has no place here." : allDone)
  );
}

/** One call, once: a form of the world's list whose verb the goal uses, on the element that the goal names. */
function tryForm(environment: string, { page, goal, done }: Situation): Turn | null {
  if (done.length > 0) return null;
  const verbs = [...environment.matchAll(/^- (\w+) \[id\]$/gm)].map((match) => match[1] ?? "");
  const verb = verbs.find((each) => names(goal, each));
  const element = page.elements.find(({ name }) => names(goal, name));
  if (verb === undefined || element === undefined) return null;
  return {
    reason: "No demonstration fits; the list of actions has one of this name.",
    call: `${verb} [${element.id}]`,
  };
}
