// The id-based actions of WebArena (arXiv 2307.13854), and `clear` and `upload` of VisualWebArena: `click [12]`.
// Accepts whatever the upstream parser accepts, with the same result, and a few forms more (letter case, blanks, back-ticks);
// `upload`, which upstream reads with the expression for `type`, is read by its own.
import type { ActionProblem, BrowserCommand } from "./command.ts";

export type WebArenaAction =
  | { name: "click" | "hover" | "clear"; id: string }
  | { name: "type"; id: string; text: string; enter: boolean }
  | { name: "press"; keys: string }
  | { name: "scroll"; direction: "up" | "down" }
  | { name: "tab_focus"; index: number }
  | { name: "goto"; url: string }
  | { name: "upload"; path: string }
  | { name: "new_tab" | "close_tab" | "go_back" | "go_forward" }
  | { name: "stop"; answer: string };

/** How each action is written, for messages and prompts. */
export const webArenaForms = {
  click: "click [id]",
  hover: "hover [id]",
  type: "type [id] [text] [1]",
  press: "press [key combination]",
  scroll: "scroll [up] or scroll [down]",
  clear: "clear [id]",
  upload: "upload [path]",
  tab_focus: "tab_focus [index]",
  new_tab: "new_tab",
  close_tab: "close_tab",
  goto: "goto [url]",
  go_back: "go_back",
  go_forward: "go_forward",
  stop: "stop [answer]",
} as const satisfies Record<WebArenaAction["name"], string>;

const names = Object.keys(webArenaForms).join(", ");
const quotedCharsMax = 200;

/** Text that is longer is no action: a step must fit a message. */
export const actionCharsMax = 16_000;

export function parseWebArena(written: string): WebArenaAction | ActionProblem {
  if (written.length > actionCharsMax) {
    return { problem: `The action has ${written.length} characters; at most ${actionCharsMax} are allowed.` };
  }
  const text = written
    .trim()
    .replace(/^(`+)([\s\S]*)\1$/, "$2")
    .trim();
  if (text === "") return { problem: "The action is empty." };
  const head = (text.includes("[") ? text.slice(0, text.indexOf("[")) : (text.split(/\s+/)[0] ?? "")).trim();
  const name = head.toLowerCase();
  if (!isName(name)) return { problem: `${quoted(head)} is no action; the actions are ${names}.` };
  return readers[name](text) ?? { problem: `${quoted(text)} is not of the form ${webArenaForms[name]}.` };
}

export function webArenaText(action: WebArenaAction): string {
  switch (action.name) {
    case "click":
    case "hover":
    case "clear":
      return `${action.name} [${action.id}]`;
    case "type":
      return `type [${action.id}] [${action.text}] [${action.enter ? 1 : 0}]`;
    case "press":
      return `press [${action.keys}]`;
    case "scroll":
      return `scroll [${action.direction}]`;
    case "tab_focus":
      return `tab_focus [${action.index}]`;
    case "goto":
      return `goto [${action.url}]`;
    case "upload":
      return `upload [${action.path}]`;
    case "stop":
      return action.answer === "" ? "stop" : `stop [${action.answer}]`;
    case "new_tab":
    case "close_tab":
    case "go_back":
    case "go_forward":
      return action.name;
  }
}

export function webArenaCommand(action: WebArenaAction): BrowserCommand {
  switch (action.name) {
    case "click":
      return { do: "click", at: { id: action.id }, button: "left", modifiers: [], times: 1 };
    case "hover":
      return { do: "hover", at: { id: action.id } };
    case "clear":
      return { do: "fill", at: { id: action.id }, value: "", isLastTyped: false };
    case "type":
      return { do: "type", at: { id: action.id }, text: action.enter ? `${action.text}\n` : action.text };
    case "press":
      return { do: "key", at: null, keys: keysOf(action.keys), how: "press" };
    case "scroll":
      return { do: "scroll-windows", windows: action.direction === "down" ? 1 : -1 };
    case "tab_focus":
      return { do: "focus-tab", index: action.index };
    case "goto":
      return { do: "goto", url: action.url };
    case "upload":
      return { do: "upload", at: null, files: [action.path] };
    case "stop":
      return { do: "stop", answer: action.answer };
    case "new_tab":
      return { do: "new-tab" };
    case "close_tab":
      return { do: "close-tab" };
    case "go_back":
      return { do: "go-back" };
    case "go_forward":
      return { do: "go-forward" };
  }
}

type Reader = (text: string) => WebArenaAction | null;

const readers: Record<WebArenaAction["name"], Reader> = {
  click: (text) => withId("click", text),
  hover: (text) => withId("hover", text),
  clear: (text) => withId("clear", text),
  type: readType,
  press: (text) => inBrackets("press", text, (keys) => ({ name: "press", keys })),
  goto: (text) => inBrackets("goto", text, (url) => ({ name: "goto", url })),
  upload: (text) => inBrackets("upload", text, (path) => ({ name: "upload", path })),
  scroll: readScroll,
  tab_focus: readTabFocus,
  new_tab: () => ({ name: "new_tab" }),
  close_tab: () => ({ name: "close_tab" }),
  go_back: () => ({ name: "go_back" }),
  go_forward: () => ({ name: "go_forward" }),
  // Some tasks ask for no answer.
  stop: (text) => inBrackets("stop", text, (answer) => ({ name: "stop", answer })) ?? { name: "stop", answer: "" },
};

function withId(name: "click" | "hover" | "clear", text: string): WebArenaAction | null {
  const id = new RegExp(String.raw`${name}\s*\[\s*(\d+)\s*\]`, "i").exec(text)?.[1];
  return id === undefined ? null : { name, id };
}

/** The text may hold brackets itself: it reaches to the last `] [0]` or `] [1]`, and Enter follows where none is said. */
function readType(text: string): WebArenaAction | null {
  const whole = /\[[01]\]$/.test(text) ? text : `${text} [1]`;
  const match = /type\s*\[\s*(\d+)\s*\]\s*\[([\s\S]+)\]\s*\[(\d+)\]/i.exec(whole);
  if (match === null) return null;
  const [, id = "", typed = "", flag] = match;
  return { name: "type", id, text: typed, enter: flag === "1" };
}

function readScroll(text: string): WebArenaAction | null {
  const direction = /scroll\s*\[?\s*(up|down)\s*\]?/i.exec(text)?.[1]?.toLowerCase();
  return direction === "up" || direction === "down" ? { name: "scroll", direction } : null;
}

function readTabFocus(text: string): WebArenaAction | null {
  const index = /tab_focus\s*\[\s*(\d{1,6})\s*\]/i.exec(text)?.[1];
  return index === undefined ? null : { name: "tab_focus", index: Number(index) };
}

function inBrackets(name: string, text: string, make: (content: string) => WebArenaAction): WebArenaAction | null {
  const content = new RegExp(String.raw`${name}\s*\[([\s\S]+)\]`, "i").exec(text)?.[1];
  return content === undefined ? null : make(content);
}

/**
 * `Meta` stands for the key of shortcuts, which is Control everywhere but on a Mac. WebArena's own prompt calls that key
 * `Ctrl`, which its browser does not know.
 */
function keysOf(keys: string): string {
  return keys
    .split("+")
    .map((key) => (key === "Meta" || /^ctrl$/i.test(key.trim()) ? "Control" : key))
    .join("+");
}

function isName(text: string): text is WebArenaAction["name"] {
  return Object.hasOwn(webArenaForms, text);
}

function quoted(text: string): string {
  return JSON.stringify(text.length > quotedCharsMax ? `${text.slice(0, quotedCharsMax)}…` : text);
}
