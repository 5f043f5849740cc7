// Texts: plain ones, places by likeness, comma-separated lists, JSON, Markdown, base64, yes or no, and nothing at all.
import { fits, isPattern } from "../bounded-pattern.ts";
import { isNothing, parseJson, printed, type Json } from "../json-value.ts";
import { plainValue, something, valueType } from "../normalized.ts";
import { likeness } from "./likeness.ts";
import { plainMarkdown } from "./markdown.ts";

/** Marks around a text that do not count: `"Ready."` is `ready`. */
const marks = new Set("'\"`.,;:!?");

interface PlainString {
  text: string;
  /** Only a task's text can be one. */
  isPattern: boolean;
}

export const stringType = valueType<PlainString>({
  name: "NormalizedString",
  read: (value, context) => {
    if (isNothing(value)) return { text: "", isPattern: false };
    if (typeof value === "string" && isPattern(value)) {
      if (context.side === "task") return { text: value.trim(), isPattern: true };
      return { text: value.toLowerCase().trim(), isPattern: false };
    }
    return { text: printed(plainValue(value, context)).toLowerCase().trim(), isPattern: false };
  },
  equal: (task, other) =>
    task.some((one) =>
      other.some(({ text }) =>
        one.isPattern
          ? fits(one.text, text, { at: "whole", ignoreCase: true })
          : one.text === text || bareText(one.text) === bareText(text),
      ),
    ),
  print: ({ text }) => text,
});

/** By hand, because a pattern for the end of a text takes quadratic time on a long row of marks. */
function bareText(text: string): string {
  let [from, to] = [0, text.length];
  while (from < to && marks.has(text[from] ?? "")) from += 1;
  while (to > from && marks.has(text[to - 1] ?? "")) to -= 1;
  return text.slice(from, to);
}

/** Names of places are the same from four fifths of likeness on, in whatever order their words are. */
export const locationNameType = valueType<string>({
  name: "LocationName",
  read: (value, context) => {
    if (value === null) throw new Error("the name of a place is missing");
    return isNothing(value) ? "" : printed(plainValue(value, context)).toLowerCase().trim();
  },
  equal: (task, other) =>
    task.some((one) => other.some((two) => (one === "" || two === "" ? one === two : likeness(one, two) >= 80))),
});

export const stringListType = valueType<string>({
  name: "StringList",
  read: (value, context) => {
    const items = printed(plainValue(something(value, "list"), context))
      .split(",")
      .map((item) => item.trim())
      .filter((item) => item !== "");
    if (items.length === 0) throw new Error("the list has no item");
    return JSON.stringify(items.toSorted());
  },
});

export const jsonType = valueType<string>({
  name: "JsonString",
  read: (value) => {
    const parsed = typeof value === "string" ? parseJson(value) : undefined;
    if (parsed === undefined) throw new Error("it is no text of JSON");
    return canonical(parsed);
  },
});

/** JSON with its keys in order and no space. */
function canonical(value: Json): string {
  if (Array.isArray(value)) return `[${value.map(canonical).join(",")}]`;
  if (typeof value !== "object" || value === null) return JSON.stringify(value);
  const members = Object.keys(value)
    .toSorted()
    .map((key) => `${JSON.stringify(key)}:${canonical(value[key] ?? null)}`);
  return `{${members.join(",")}}`;
}

export const markdownType = valueType<string>({
  name: "MarkdownString",
  read: (value) => {
    if (typeof value !== "string" || value.trim() === "") throw new Error("it is no Markdown");
    return plainMarkdown(value);
  },
});

export const base64Type = valueType<PlainString>({
  name: "Base64String",
  read: (value, { side }) => {
    if (typeof value !== "string" || value.trim() === "") throw new Error("it is no base64");
    const text = value.trim();
    if (isPattern(text) && side === "task") return { text, isPattern: true };
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(text) || text.length % 4 !== 0) throw new Error("it is no base64");
    const decoded = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(Buffer.from(text, "base64"));
    return { text: decoded.replace(/\r\n?/g, "\n").trim(), isPattern: false };
  },
  equal: (task, other) =>
    task.some((one) =>
      other.some(({ text }) =>
        one.isPattern ? fits(one.text, text, { at: "whole", dotAll: true }) : one.text === text,
      ),
    ),
  print: ({ text }) => text,
});

export const booleanType = valueType<boolean>({
  name: "Boolean",
  read: (value, context) => {
    const plain = plainValue(something(value, "truth"), context);
    if (typeof plain === "boolean") return plain;
    if (typeof plain === "number") return plain !== 0;
    if (typeof plain === "string" && ["true", "yes", "y", "1", "t", "on"].includes(plain)) return true;
    if (typeof plain === "string" && ["false", "no", "n", "0", "f", "off"].includes(plain)) return false;
    throw new Error("it is neither yes nor no");
  },
});

export const emptyType = valueType<null>({
  name: "Empty",
  read: (value) => {
    const text =
      typeof value === "string"
        ? value
            .trim()
            .toLowerCase()
            .replace(/\s*\/\s*/g, "/")
        : value;
    const isEmpty =
      text === null ||
      (typeof text === "string" && ["", "n/a", "na", "nan", "null", "none"].includes(text)) ||
      (typeof text === "object" && isNothing(text));
    if (!isEmpty) throw new Error("it is not empty");
    return null;
  },
});
