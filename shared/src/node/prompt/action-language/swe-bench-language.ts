import type { ActionLanguage } from "./action-language.ts";
import { shellLanguage } from "./shell-language.ts";

const editorCall = /^str_replace_editor[ \t]*\(([\s\S]*)\)[ \t]*;?$/;
const submitCall = /^submit[ \t]*(\([ \t]*\))?[ \t]*;?$/;
const form = 'It is called as str_replace_editor({"command": "view", "path": "/testbed/..."}), with one JSON object.';

/** SWE-agent's three tools: bash, `str_replace_editor`, `submit`. */
export const sweBenchLanguage: ActionLanguage = {
  oneAction: "a shell command, a call of str_replace_editor, submit()",
  rules: [
    ...shellLanguage.rules,
    'str_replace_editor({"command": "view", "path": P, "view_range": [from, to]}) shows a file with line numbers, or a folder; "view_range" may be left out.',
    'str_replace_editor({"command": "create", "path": P, "file_text": T}) writes a file that is not there yet.',
    'str_replace_editor({"command": "str_replace", "path": P, "old_str": A, "new_str": B}) replaces A, which must occur exactly once, by B.',
    'str_replace_editor({"command": "insert", "path": P, "insert_line": N, "new_str": T}) puts T behind line N; 0 is the top.',
    'str_replace_editor({"command": "undo_edit", "path": P}) takes the last edit of a file back.',
    "submit() hands in the changes to the repository as they are and ends the episode, as stop() does.",
  ],
  fence: "bash",
  placeholder: "the command, or the call of a tool",
  parse: (body) => {
    if (submitCall.test(body)) return { kind: "stop", answer: null };
    const inside = editorCall.exec(body)?.[1];
    if (inside === undefined) {
      return /^str_replace_editor\b/.test(body)
        ? { problem: `The ACTION is no call of str_replace_editor. ${form}` }
        : shellLanguage.parse(body);
    }
    const input = objectIn(inside);
    return typeof input === "string"
      ? { problem: `The arguments of str_replace_editor are ${input}. ${form}` }
      : { kind: "tool", name: "str_replace_editor", input };
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
