import type { ActionLanguage } from "./action-language.ts";

const call = /^([A-Za-z_][A-Za-z0-9_.-]{0,127})[ \t]*\(([\s\S]*)\)[ \t]*;?$/;
const form = 'A tool is called as name({"key": "value"}), with one JSON object of arguments.';

/** Calls of named tools with one JSON object; which tools there are, and what each takes, the world itself tells. */
export const toolLanguage: ActionLanguage = {
  oneAction: "a tool call",
  rules: [
    'A tool call is the tool\'s name with one JSON object of arguments, name({"key": "value"}), or name({}) where it takes none.',
    "Only the tools that the environment lists exist, and each takes the arguments that its JSON Schema allows.",
  ],
  fence: "",
  placeholder: 'name({"key": "value"})',
  parse: (body) => {
    const [, name, inside] = call.exec(body) ?? [];
    if (name === undefined || inside === undefined) return { problem: `The ACTION is no tool call. ${form}` };
    const input = inside.trim() === "" ? {} : objectIn(inside);
    if (typeof input === "string") return { problem: `The arguments of ${name} are ${input}. ${form}` };
    return { kind: "tool", name, input };
  },
};

type ToolInput = Extract<ReturnType<ActionLanguage["parse"]>, { kind: "tool" }>["input"];

/** @returns the object, or what the text is instead */
function objectIn(text: string): ToolInput | string {
  try {
    const value: unknown = JSON.parse(text);
    const isObject = typeof value === "object" && value !== null && !Array.isArray(value);
    return isObject ? (value as ToolInput) : "no JSON object";
  } catch (error) {
    return `not valid JSON (${error instanceof Error ? error.message : String(error)})`;
  }
}
