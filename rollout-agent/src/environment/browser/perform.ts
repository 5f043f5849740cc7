// Does in the browser what a command says. What cannot be done is told in a sentence; it is never an error of ours.
import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, limits } from "@hindcast/shared";
import type { BrowserCommand, Target } from "@hindcast/shared/node";
import type { Keyboard, Page } from "playwright-core";
import { z } from "zod";
import type { PageElement } from "./element.ts";
import * as scripts from "./element-scripts.ts";
import type { Tabs } from "./tabs.ts";
import { within } from "./within.ts";

export interface Performer {
  tabs: Tabs;
  /** The element that an id of the latest observation names, or what is wrong. */
  element: (id: string) => Promise<PageElement | string>;
  /** Null where the address may be visited. */
  refusal: (url: string) => string | null;
  loadMsMax: number;
  signal: AbortSignal;
}

type Command<D extends BrowserCommand["do"]> = Extract<BrowserCommand, { do: D }>;

/** @returns what went wrong, or null. */
export async function perform(command: BrowserCommand, performer: Performer): Promise<string | null> {
  const { tabs, signal } = performer;
  const page = tabs.front;
  switch (command.do) {
    case "click":
      return await atPoint(performer, command.at, (x, y) => click(page, command, { x, y }));
    case "hover":
      return await atPoint(performer, command.at, (x, y) => page.mouse.move(x, y));
    case "drag":
      return await drag(performer, command);
    case "mouse":
      return await mouse(performer, command);
    case "wheel":
      return await wheel(performer, command);
    case "scroll-windows":
      // It answered when it was shown; meanwhile its scripts may have begun to run for ever.
      await within(performer.loadMsMax, page.evaluate(`scrollBy(0, ${command.windows} * innerHeight)`), "scrolling");
      return null;
    case "type":
      return await type(performer, command);
    case "insert-text":
      await within(performer.loadMsMax, page.keyboard.insertText(command.text), "typing");
      return null;
    case "key":
      return await key(performer, command);
    case "focus":
      return await onElement(performer, command.at, async (element) => problemOf(await element.call(scripts.focus)));
    case "fill":
      return await fill(performer, command);
    case "select":
      return await onElement(performer, command.at, (element) => select(element, command.options));
    case "check":
      return await check(performer, command);
    case "upload":
      return "There are no files to upload in this environment.";
    case "new-tab":
      await tabs.open();
      return null;
    case "close-tab":
      await tabs.closeFront();
      return null;
    case "focus-tab":
      return await tabs.focus(command.index);
    case "goto":
      return performer.refusal(command.url) ?? (await visit(page, command.url, performer));
    case "go-back":
      return await travel(page, "back", performer);
    case "go-forward":
      return await travel(page, "forward", performer);
    case "wait":
      await delay(Math.min(Math.max(0, command.ms), limits.browserWaitMsMax), undefined, { signal });
      return null;
    case "stop":
      return "To stop is no action of a page.";
  }
}

/**
 * Loads an address in `page`.
 * @param isStart whether the episode begins here: a site that is full or broken says so in a page, and to begin there
 *   would be held against the policy
 * @returns what went wrong, or null
 */
export async function visit(
  page: Page,
  url: string,
  { loadMsMax, signal, isStart = false }: Pick<Performer, "loadMsMax" | "signal"> & { isStart?: boolean },
): Promise<string | null> {
  let status = 200;
  try {
    const response = await page.goto(url, { waitUntil: "commit", timeout: loadMsMax });
    status = response?.status() ?? 200;
  } catch (error) {
    signal.throwIfAborted();
    return `${url} could not be loaded: ${reasonOf(error)}.`;
  }
  // Full or restarting, in the site's own words (the gate says 502): another try may find room.
  if (isStart && status === 503) throw siteBusy(url);
  return isStart && status >= 500 ? `${url} answers ${status}.` : null;
}

function siteBusy(url: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_UNAVAILABLE",
    boundary: "environment",
    message: `${url} answers 503: the site is full or restarts; more copies of it (\`hindcast sites serve --copies\`) take more episodes at once`,
    retryable: true,
  });
}

async function travel(page: Page, direction: "back" | "forward", performer: Performer): Promise<string | null> {
  const options = { waitUntil: "commit", timeout: performer.loadMsMax } as const;
  try {
    await (direction === "back" ? page.goBack(options) : page.goForward(options));
    return null;
  } catch (error) {
    performer.signal.throwIfAborted();
    return `Going ${direction} failed: ${reasonOf(error)}.`;
  }
}

async function click(
  page: Page,
  { button, modifiers, times }: Command<"click">,
  at: { x: number; y: number },
): Promise<void> {
  for (const modifier of modifiers) await page.keyboard.down(modifier);
  try {
    await page.mouse.click(at.x, at.y, { button, clickCount: times });
  } finally {
    for (const modifier of modifiers.toReversed()) await page.keyboard.up(modifier);
  }
}

async function drag(performer: Performer, { from, to }: Command<"drag">): Promise<string | null> {
  const { mouse: pointer } = performer.tabs.front;
  return await atPoint(performer, from, async (x, y) => {
    const end = await pointOf(performer, to);
    if (typeof end === "string") return end;
    await pointer.move(x, y);
    await pointer.down();
    // Pages take it for dragging only where the mouse moves on the way.
    await pointer.move(end.x, end.y, { steps: 5 });
    await pointer.up();
    return null;
  });
}

async function mouse(performer: Performer, { move, turn, button }: Command<"mouse">): Promise<string | null> {
  const { mouse: pointer } = performer.tabs.front;
  return await atPoint(performer, move, async (x, y) => {
    await pointer.move(x, y);
    if (turn === "down") await pointer.down({ button });
    if (turn === "up") await pointer.up({ button });
  });
}

async function wheel(performer: Performer, { at, deltaX, deltaY }: Command<"wheel">): Promise<string | null> {
  const { mouse: pointer } = performer.tabs.front;
  if (at === null) {
    await within(performer.loadMsMax, pointer.wheel(deltaX, deltaY), "scrolling");
    return null;
  }
  return await atPoint(performer, at, async (x, y) => {
    await pointer.move(x, y);
    await pointer.wheel(deltaX, deltaY);
    return null;
  });
}

async function type(performer: Performer, { at, text }: Command<"type">): Promise<string | null> {
  const { mouse: pointer, keyboard } = performer.tabs.front;
  const problem = at === null ? null : await atPoint(performer, at, (x, y) => pointer.click(x, y));
  if (problem !== null) return problem;
  await within(performer.loadMsMax, typeOut(keyboard, text), "typing");
  return null;
}

/** Key by key, but for long lines: thousands of keystrokes take longer than a page is waited for. */
async function typeOut(keyboard: Keyboard, text: string): Promise<void> {
  if (text.length <= limits.browserKeystrokesMax) {
    await keyboard.type(text);
    return;
  }
  for (const [index, line] of text.split("\n").entries()) {
    if (index > 0) await keyboard.press("Enter");
    if (line !== "") await keyboard.insertText(line);
  }
}

async function key(performer: Performer, { at, keys, how }: Command<"key">): Promise<string | null> {
  const { keyboard } = performer.tabs.front;
  if (at !== null) {
    const problem = await onElement(performer, at, async (element) => problemOf(await element.call(scripts.focus)));
    if (problem !== null) return problem;
  }
  try {
    await within(limits.browserAnswerMsMax, keyboard[how](keys), "the key");
    return null;
  } catch (error) {
    if (error instanceof Error && /Unknown key/i.test(error.message)) {
      return `${JSON.stringify(keys.slice(0, 100))} is no key or combination such as Enter or Control+a.`;
    }
    throw error;
  }
}

async function fill(performer: Performer, { at, value, isLastTyped }: Command<"fill">): Promise<string | null> {
  const { keyboard } = performer.tabs.front;
  return await onElement(performer, at, async (element) => {
    const prepared = await element.call(scripts.prepareFill, value);
    if (typeof prepared === "string") return prepared;
    switch (prepared.value) {
      case "set":
        return null;
      case "selected":
        await within(performer.loadMsMax, write(keyboard, value, isLastTyped), "typing");
        return null;
      case "disabled":
        return "The field is disabled or read-only.";
      case "malformed":
        return `The field does not take ${JSON.stringify(value.slice(0, 100))}; numbers are written as 12.5, dates as 2026-01-31, times as 13:45.`;
      default:
        return "The element is no field that text can be filled into.";
    }
  });
}

/** Over what is selected. */
async function write(keyboard: Keyboard, value: string, isLastTyped: boolean): Promise<void> {
  if (value === "") return await keyboard.press("Delete");
  const last = isLastTyped ? (Array.from(value).at(-1) ?? "") : "";
  if (value.length > last.length) await keyboard.insertText(value.slice(0, value.length - last.length));
  if (last !== "") await keyboard.type(last);
}

const SelectAnswer = z.object({ problem: z.string().optional(), options: z.array(z.string()).optional() });

async function select(element: PageElement, wanted: string[]): Promise<string | null> {
  const answer = await element.call(scripts.select, wanted);
  if (typeof answer === "string") return answer;
  const { problem, options = [] } = SelectAnswer.parse(answer.value);
  if (problem === undefined) return null;
  if (problem === "disabled") return "The list is disabled.";
  if (problem === "no list") return "The element is no list of options.";
  return `The list has no option ${wanted.map((name) => JSON.stringify(name)).join(", ")}; it has ${options.map((name) => JSON.stringify(name)).join(", ")}.`;
}

async function check(performer: Performer, { at, checked }: Command<"check">): Promise<string | null> {
  const { mouse: pointer } = performer.tabs.front;
  /** @returns null where the box is as it should be */
  const unlike = (otherwise: string): Promise<string | null> =>
    onElement(performer, at, async (element) => {
      const found = await element.call(scripts.isChecked);
      if (typeof found === "string") return found;
      if (found.value === null) return "The element cannot be checked.";
      return found.value === checked ? null : otherwise;
    });
  const state = await unlike("to click");
  if (state !== "to click") return state;
  const problem = await atPoint(performer, at, (x, y) => pointer.click(x, y));
  if (problem !== null) return problem;
  const still = `The click left the element ${checked ? "unchecked" : "checked"}.`;
  // A box that has gone, with its page maybe, is none that resists.
  return (await unlike(still)) === still ? still : null;
}

async function onElement(
  performer: Performer,
  target: Target,
  work: (element: PageElement) => Promise<string | null>,
): Promise<string | null> {
  if (!("id" in target)) return "The action needs an element, not a point.";
  const element = await performer.element(target.id);
  return typeof element === "string" ? element : await work(element);
}

async function atPoint(
  performer: Performer,
  target: Target,
  work: (x: number, y: number) => Promise<string | null | void>,
): Promise<string | null> {
  const point = await pointOf(performer, target);
  if (typeof point === "string") return point;
  return (await within(performer.loadMsMax, work(point.x, point.y), "the page")) ?? null;
}

async function pointOf(performer: Performer, target: Target): Promise<{ x: number; y: number } | string> {
  if (!("id" in target)) return target;
  const element = await performer.element(target.id);
  return typeof element === "string" ? element : await element.centre();
}

function problemOf(answer: { value: unknown } | string): string | null {
  return typeof answer === "string" ? answer : null;
}

/** The first line of what Playwright says, without the call that it names. */
function reasonOf(error: unknown): string {
  const [line = ""] = (error instanceof Error ? error.message : String(error)).split("\n");
  return line.replace(/^\w+\.\w+: /, "").replace(/ at https?:.*$/, "");
}
