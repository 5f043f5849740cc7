// Steps on pages in words: what relabelling, summaries and judges say of them.
import type { SeenStep } from "../reading-prompts.ts";
import { pageView, type PageView } from "./page-view.ts";

export interface ToldStep {
  /** `click on the button "Submit"` */
  request: string;
  /** `clicked on the button "Submit"` */
  past: string;
}

/** What the roles of accessibility trees are called. */
const words: Record<string, string> = { textbox: "text field", radio: "option", combobox: "list" };

export function roleWords(role: string): string {
  return words[role] ?? role;
}

/** Null where the call names no element of the page before it, or could not be done. */
export function toldStep(action: string, before: PageView): ToldStep | null {
  const [, verb = "", id = "", rest = ""] = /^(\w+) \[(\d+)\](.*)$/.exec(action) ?? [];
  const element = before.elements.find((each) => each.id === id);
  if (element === undefined) return null;
  const role = roleWords(element.role);
  const same = before.elements.filter((each) => each.role === element.role && each.name === element.name);
  const place = same.length > 1 ? `${ordinals[same.findIndex((each) => each.id === id)] ?? "other"} ` : "";
  const what = `the ${place}${role}${element.name === "" ? "" : ` "${element.name}"`}`;
  const text = /\[([^\]]*)\]/.exec(rest)?.[1];
  if (text !== undefined) return { request: `enter "${text}" into ${what}`, past: `entered "${text}" into ${what}` };
  const isChoice = /^(?:checkbox|radio|option)$/.test(element.role);
  if (verb === "click" && isChoice) return { request: `select ${what}`, past: `selected ${what}` };
  if (verb === "click" && element.role === "textbox") return { request: `focus into ${what}`, past: `focused ${what}` };
  if (verb === "click") return { request: `click on ${what}`, past: `clicked on ${what}` };
  return { request: `${verb} ${what}`, past: `did "${verb}" on ${what}` };
}

const ordinals = ["first", "second", "third", "fourth", "fifth", "sixth"];

/** The steps of a trajectory on pages, each with the page that it was made on; null for one of another world. */
export function toldSteps(initial: string, steps: readonly SeenStep[]): (ToldStep | null)[] | null {
  const pages = [initial, ...steps.map(({ observation }) => observation.raw)].map(pageView);
  if (pages.some((page) => page === null)) return null;
  return steps.map(({ action }, index) => {
    const [before, after] = [pages[index], pages[index + 1]];
    return before === null || before === undefined || after?.hasFailed === true ? null : toldStep(action, before);
  });
}

/** The objective that a page states over the one that a prompt has. */
export function statedGoal(observation: string): string | null {
  return pageView(observation)?.goal ?? null;
}

/** Whether an observation is a page on which the last action was done. */
export function isGoodPage(raw: string): boolean {
  return pageView(raw)?.hasFailed === false;
}
