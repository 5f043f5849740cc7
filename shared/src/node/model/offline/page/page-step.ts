// A step on a page without its ids, which no other page shares: the call, the element by role and name, the text. It is
// what a demonstration comes down to, and what a document's guidance says: `click [button "Submit"]`.
import { names, type PageElement, type PageView } from "./page-view.ts";

export interface PageStep {
  /** `click`, `type`: as it was written, whatever it means. */
  verb: string;
  role: string;
  name: string;
  /** Of the elements with this role and name, from 0. */
  ordinal: number;
  /** The instruction named the element, so another instruction names another one; perhaps several. */
  isNamed: boolean;
  /** What stood after the element, in brackets each. */
  rest: string[];
}

const call = /^(\w+) \[(\d+)\](.*)$/;
const described = /^(\w+) \[(\w+) "([^"]*)"(?: (\d+))?\](.*)$/;
const open = /^<[\w ]+>$/;

/** A recorded call on the page that it was made on; null where it names no element. */
export function stepOfCall(text: string, page: PageView, instruction: string): PageStep | null {
  const [, verb = "", id = "", rest = ""] = call.exec(text) ?? [];
  const element = page.elements.find((each) => each.id === id);
  if (element === undefined) return null;
  const { role, name } = element;
  const ordinal = alike(page, element).findIndex((each) => each.id === id);
  return { verb, role, name, ordinal, isNamed: names(instruction, name), rest: brackets(rest) };
}

/** `click [checkbox "<name>"]` of a document: a placeholder stands for what the goal names. */
export function stepOfGuidance(text: string): PageStep | null {
  const [whole, verb = "", role = "", name = "", ordinal = "1", rest = ""] = described.exec(text.trim()) ?? [];
  if (whole === undefined) return null;
  return { verb, role, name, ordinal: Number(ordinal) - 1, isNamed: open.test(name), rest: brackets(rest) };
}

/** Steps of one kind in a row, whose elements the instruction named, are one step for each that it names; links lead on. */
export function withoutRepeats(steps: readonly PageStep[]): PageStep[] {
  return steps.filter((step, index) => {
    const before = steps[index - 1];
    const isSame = before?.verb === step.verb && before.role === step.role && before.rest.join() === step.rest.join();
    return !(isSame && before.isNamed && step.isNamed && step.role !== "link");
  });
}

/**
 * The call on this page; null where no element answers to it.
 * @param done calls that were made already: an element that the goal names is not taken twice
 */
export function callOn(page: PageView, step: PageStep, goal: string, done: readonly string[]): string | null {
  const same = page.elements.filter(({ role }) => role === step.role);
  const written = ({ id }: PageElement): string =>
    [`${step.verb} [${id}]`, ...step.rest.map((part) => `[${part}]`)].join(" ");
  const counted = same.filter(({ name }) => step.role === "link" && isSameButForCount(name, step.name));
  const wanted = step.isNamed ? same.filter(({ name }) => names(goal, name)) : [];
  const named = counted.length === 0 ? wanted : wanted.filter((element) => counted.includes(element));
  if (named.length > 0) {
    // Of several links one in quotes is meant, else the longest name: `tidepool/tide-tables`, not the menu's `Issues`.
    const rank = ({ name }: PageElement): number => name.length + (goal.includes(`"${name}"`) ? goal.length : 0);
    const inOrder = step.role === "link" ? named.toSorted((a, b) => rank(b) - rank(a)) : named;
    const next = inOrder.map(written).find((text) => !done.includes(text));
    return next ?? null;
  }
  const exact = same.filter(({ name }) => name.toLowerCase() === step.name.toLowerCase());
  const element = exact[step.ordinal] ?? counted[step.ordinal] ?? (same.length === 1 ? same[0] : undefined);
  return element === undefined ? null : written(element);
}

/** Whether more of the elements that the goal names are still to be taken by this step. */
export function isUnfinished(page: PageView, step: PageStep, goal: string, done: readonly string[]): boolean {
  // A link leads elsewhere, where others of its name may be.
  return step.isNamed &&
    step.role !== "link" &&
    page.elements.some((each) => each.role === step.role && names(goal, each.name))
    ? callOn(page, step, goal, done) !== null
    : false;
}

/** `Issues 10` of one page is `Issues 6` of another. */
function isSameButForCount(name: string, other: string): boolean {
  const count = / \d+$/;
  return (
    count.test(other) &&
    name.replace(count, "").toLowerCase() === other.replace(count, "").toLowerCase() &&
    count.test(name)
  );
}

function alike(page: PageView, { role, name }: PageElement): PageElement[] {
  return page.elements.filter((each) => each.role === role && each.name === name);
}

function brackets(text: string): string[] {
  return [...text.matchAll(/\[([^\]]*)\]/g)].map((match) => match[1] ?? "");
}
