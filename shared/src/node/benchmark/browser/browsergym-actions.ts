// The high-level actions of BrowserGym (arXiv 2412.05467): one call in Python's syntax with literal arguments, such as
// `fill("a51", "text")`. Types and defaults are those of its functions; a call that Python would refuse is refused here.
import type { ActionProblem, BrowserCommand, KeyModifier, MouseButton, Target } from "./command.ts";
import { keyModifiers, mouseButtons } from "./command.ts";
import { type Literal, literalText, parseCalls, PythonSyntaxError } from "./python-call.ts";
import { actionCharsMax } from "./webarena-actions.ts";

export interface BrowserGymAction {
  name: BrowserGymName;
  /** Values by parameter, without those that equal their default. */
  args: Record<string, Literal>;
}

type ParameterType = "text" | "texts" | "number" | "whole" | "flag" | "button" | "modifiers";
interface Parameter {
  name: string;
  type: ParameterType;
  default?: Literal;
}

const bid: Parameter = { name: "bid", type: "text" };
const button: Parameter = { name: "button", type: "button", default: "left" };
const modifiers: Parameter = { name: "modifiers", type: "modifiers", default: [] };
const point: Parameter[] = [number("x"), number("y")];

/** Parameters of every action, in order. */
const signatures = {
  send_msg_to_user: [text("text")],
  report_infeasible: [text("reason")],
  noop: [{ name: "wait_ms", type: "number", default: 1_000 }],
  scroll: [number("delta_x"), number("delta_y")],
  fill: [bid, text("value"), { name: "enable_autocomplete_menu", type: "flag", default: false }],
  click: [bid, button, modifiers],
  dblclick: [bid, button, modifiers],
  hover: [bid],
  press: [bid, text("key_comb")],
  focus: [bid],
  clear: [bid],
  check: [bid],
  uncheck: [bid],
  select_option: [bid, { name: "options", type: "texts" }],
  drag_and_drop: [text("from_bid"), text("to_bid")],
  upload_file: [bid, { name: "file", type: "texts" }],
  mouse_move: point,
  mouse_down: [...point, button],
  mouse_up: [...point, button],
  mouse_click: [...point, button],
  mouse_dblclick: [...point, button],
  mouse_drag_and_drop: [number("from_x"), number("from_y"), number("to_x"), number("to_y")],
  mouse_upload_file: [...point, { name: "file", type: "texts" }],
  scroll_at: [...point, number("dx"), number("dy")],
  keyboard_press: [text("key")],
  keyboard_down: [text("key")],
  keyboard_up: [text("key")],
  keyboard_type: [text("text")],
  keyboard_insert_text: [text("text")],
  goto: [text("url")],
  go_back: [],
  go_forward: [],
  new_tab: [],
  tab_close: [],
  tab_focus: [{ name: "index", type: "whole" }],
} as const satisfies Record<string, readonly Parameter[]>;

export type BrowserGymName = keyof typeof signatures;
export const browserGymNames = Object.keys(signatures) as BrowserGymName[];

export function browserGymParameters(name: BrowserGymName): readonly Parameter[] {
  return signatures[name];
}

/** How an action is written: `click(bid, button="left", modifiers=[])`. */
export function browserGymForm(name: BrowserGymName): string {
  const parameters = browserGymParameters(name).map(({ name: parameter, default: value }) =>
    value === undefined ? parameter : `${parameter}=${literalText(value)}`,
  );
  return `${name}(${parameters.join(", ")})`;
}

export function parseBrowserGym(written: string): BrowserGymAction | ActionProblem {
  if (written.length > actionCharsMax) {
    return { problem: `The action has ${written.length} characters; at most ${actionCharsMax} are allowed.` };
  }
  try {
    const [call, ...more] = parseCalls(written);
    if (call === undefined) return { problem: "The action is empty." };
    if (more.length > 0) return { problem: `The action has ${more.length + 1} calls; only one per turn is allowed.` };
    const { name, positional, named } = call;
    if (!isName(name)) return { problem: `${name} is no action; the actions are ${browserGymNames.join(", ")}.` };
    return bind(name, positional, named);
  } catch (error) {
    if (error instanceof PythonSyntaxError) return { problem: `The action cannot be read: ${error.message}.` };
    throw error;
  }
}

export function browserGymText({ name, args }: BrowserGymAction): string {
  let isNamed = false;
  const written: string[] = [];
  for (const parameter of browserGymParameters(name)) {
    const value = args[parameter.name];
    if (value === undefined) isNamed = true;
    else written.push(`${isNamed ? `${parameter.name}=` : ""}${literalText(value)}`);
  }
  return `${name}(${written.join(", ")})`;
}

/** Binds arguments to parameters as Python does. */
function bind(
  name: BrowserGymName,
  positional: readonly Literal[],
  named: ReadonlyMap<string, Literal>,
): BrowserGymAction | ActionProblem {
  const parameters = browserGymParameters(name);
  const form = browserGymForm(name);
  if (positional.length > parameters.length) {
    return { problem: `${name} takes ${parameters.length} arguments, not ${positional.length}: ${form}.` };
  }
  const stranger = [...named.keys()].find((key) => !parameters.some((parameter) => parameter.name === key));
  if (stranger !== undefined) return { problem: `${name} has no argument ${stranger}: ${form}.` };
  const args: Record<string, Literal> = {};
  for (const [index, parameter] of parameters.entries()) {
    const isGiven = index < positional.length;
    if (isGiven && named.has(parameter.name)) {
      return { problem: `${name} is given ${parameter.name} twice: ${form}.` };
    }
    const value = isGiven ? positional[index] : (named.get(parameter.name) ?? parameter.default);
    if (value === undefined) return { problem: `${name} lacks the argument ${parameter.name}: ${form}.` };
    const fitting = fitted(value, parameter.type);
    if (fitting === null) {
      return {
        problem: `${parameter.name} of ${name} must be ${typeNames[parameter.type]}, not ${literalText(value)}.`,
      };
    }
    const isDefault = parameter.default !== undefined && literalText(fitting) === literalText(parameter.default);
    if (!isDefault) args[parameter.name] = fitting;
  }
  return { name, args };
}

const typeNames: Record<ParameterType, string> = {
  text: "text in quotation marks",
  texts: "text or a list of texts",
  number: "a number",
  whole: "a whole number",
  flag: "True or False",
  button: `one of ${mouseButtons.join(", ")}`,
  modifiers: `a list of ${keyModifiers.join(", ")}`,
};

/** A value of the type, or null. Models often write an id as a number, which can mean only one thing. */
function fitted(value: Literal, type: ParameterType): Literal | null {
  switch (type) {
    case "text":
      return typeof value === "string" ? value : typeof value === "number" ? String(value) : null;
    case "texts":
      return typeof value === "string" || isTexts(value) ? value : null;
    case "number":
      return typeof value === "number" ? value : null;
    case "whole":
      return Number.isInteger(value) ? value : null;
    case "flag":
      return typeof value === "boolean" ? value : null;
    case "button":
      return mouseButtons.some((known) => known === value) ? value : null;
    case "modifiers":
      return isTexts(value) && value.every((key) => keyModifiers.some((known) => known === key)) ? value : null;
  }
}

export function browserGymCommand(action: BrowserGymAction): BrowserCommand {
  const { name, args } = action;
  const say = (key: string): string => textOf(args[key]);
  const num = (key: string): number => Number(args[key]);
  const id = (key = "bid"): Target => ({ id: say(key) });
  const at = (x = "x", y = "y"): Target => ({ x: num(x), y: num(y) });
  const pressed = (args.button ?? "left") as MouseButton;
  const click = (target: Target, times: 1 | 2): BrowserCommand => ({
    do: "click",
    at: target,
    button: pressed,
    modifiers: (args.modifiers ?? []) as KeyModifier[],
    times,
  });
  const commands: Record<BrowserGymName, () => BrowserCommand> = {
    send_msg_to_user: () => ({ do: "stop", answer: say("text") }),
    // WebArena's evaluators know one answer for what cannot be done.
    report_infeasible: () => ({ do: "stop", answer: "N/A" }),
    noop: () => ({ do: "wait", ms: Number(args.wait_ms ?? 1_000) }),
    scroll: () => ({ do: "wheel", at: null, deltaX: num("delta_x"), deltaY: num("delta_y") }),
    scroll_at: () => ({ do: "wheel", at: at(), deltaX: num("dx"), deltaY: num("dy") }),
    fill: () => ({
      do: "fill",
      at: id(),
      value: say("value"),
      isLastTyped: args.enable_autocomplete_menu === true,
    }),
    clear: () => ({ do: "fill", at: id(), value: "", isLastTyped: false }),
    click: () => click(id(), 1),
    dblclick: () => click(id(), 2),
    mouse_click: () => click(at(), 1),
    mouse_dblclick: () => click(at(), 2),
    hover: () => ({ do: "hover", at: id() }),
    focus: () => ({ do: "focus", at: id() }),
    check: () => ({ do: "check", at: id(), checked: true }),
    uncheck: () => ({ do: "check", at: id(), checked: false }),
    select_option: () => ({ do: "select", at: id(), options: list(args.options) }),
    upload_file: () => ({ do: "upload", at: id(), files: list(args.file) }),
    mouse_upload_file: () => ({ do: "upload", at: at(), files: list(args.file) }),
    drag_and_drop: () => ({ do: "drag", from: id("from_bid"), to: id("to_bid") }),
    mouse_drag_and_drop: () => ({ do: "drag", from: at("from_x", "from_y"), to: at("to_x", "to_y") }),
    mouse_move: () => ({ do: "mouse", move: at(), turn: null, button: pressed }),
    mouse_down: () => ({ do: "mouse", move: at(), turn: "down", button: pressed }),
    mouse_up: () => ({ do: "mouse", move: at(), turn: "up", button: pressed }),
    press: () => ({ do: "key", at: id(), keys: say("key_comb"), how: "press" }),
    keyboard_press: () => ({ do: "key", at: null, keys: say("key"), how: "press" }),
    keyboard_down: () => ({ do: "key", at: null, keys: say("key"), how: "down" }),
    keyboard_up: () => ({ do: "key", at: null, keys: say("key"), how: "up" }),
    keyboard_type: () => ({ do: "type", at: null, text: say("text") }),
    keyboard_insert_text: () => ({ do: "insert-text", text: say("text") }),
    goto: () => ({ do: "goto", url: say("url") }),
    go_back: () => ({ do: "go-back" }),
    go_forward: () => ({ do: "go-forward" }),
    new_tab: () => ({ do: "new-tab" }),
    tab_close: () => ({ do: "close-tab" }),
    tab_focus: () => ({ do: "focus-tab", index: num("index") }),
  };
  return commands[name]();
}

function list(value: Literal | undefined): string[] {
  return isTexts(value) ? value : [textOf(value)];
}

/** Arguments were checked when the call was read. */
function textOf(value: Literal | undefined): string {
  return typeof value === "string" ? value : "";
}

function isTexts(value: Literal | undefined): value is string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

function isName(name: string): name is BrowserGymName {
  return Object.hasOwn(signatures, name);
}

function text(name: string): Parameter {
  return { name, type: "text" };
}

function number(name: string): Parameter {
  return { name, type: "number" };
}
