// A browser's page as its text shows it: what the offline models see of it, and nothing else.

export interface PageElement {
  id: string;
  role: string;
  name: string;
}

export interface PageView {
  /** What the page itself asks for; null where it states nothing. */
  goal: string | null;
  /** The last action could not be done. */
  hasFailed: boolean;
  elements: PageElement[];
}

/** Lines of text and of structure, which nobody acts on. */
const passiveRoles = /^(?:StaticText|RootWebArea|generic|paragraph|heading|ListMarker|LabelText|image|img)$/;

/** Null for the text of another kind of observation. */
export function pageView(text: string): PageView | null {
  if (!/^(?:\[error: .*\]\n)?\[url /.test(text)) return null;
  const elements = [...text.matchAll(/^\s*\[(\d+)\] (\w+) (?:'((?:[^'\\]|\\.)*)'|"((?:[^"\\]|\\.)*)")/gm)];
  return {
    goal: /^Goal: (.+)$/m.exec(text)?.[1] ?? null,
    hasFailed: text.startsWith("[error: "),
    elements: elements.flatMap(([, id = "", role = "", single, double]) =>
      passiveRoles.test(role) ? [] : [{ id, role, name: readName(single ?? double ?? "") }],
    ),
  };
}

/** As people read it: without the glyphs of icon fonts, which have no names, and the room around them. */
function readName(text: string): string {
  return text
    .replace(/\\(.)/g, "$1")
    .replace(/\p{Co}/gu, "")
    .trim();
}

/** Whether a text names it: as whole words, in any letter case. */
export function names(text: string, name: string): boolean {
  if (name.trim() === "") return false;
  const escaped = name.trim().replace(/[.*+?^${}()|[\]\\]/g, "\\$&");
  return new RegExp(`(?<![\\p{L}\\d_])${escaped}(?![\\p{L}\\d_])`, "iu").test(text);
}
