// Requirements: 6.9.world
import { describe, expect, it } from "vitest";
import { parseTurn } from "../act-answer.ts";
import { sweBenchLanguage } from "./swe-bench-language.ts";

const actionOf = (body: string): unknown => {
  const turn = parseTurn(`REASON: x\nACTION:\n\`\`\`bash\n${body}\n\`\`\``, sweBenchLanguage);
  return turn.kind === "turn" ? turn.action : turn;
};

describe("actions of SWE-bench", () => {
  it("are commands, calls of the editor, and submit", () => {
    expect(actionOf("git status")).toEqual({ kind: "shell", command: "git status" });
    expect(actionOf('str_replace_editor({"command": "view",\n "path": "/testbed/a.py"})')).toEqual({
      kind: "tool",
      name: "str_replace_editor",
      input: { command: "view", path: "/testbed/a.py" },
    });
    expect(actionOf("submit()")).toEqual({ kind: "stop", answer: null });
    expect(actionOf("submit")).toEqual({ kind: "stop", answer: null });
    expect(actionOf("stop()")).toEqual({ kind: "stop", answer: null });
  });

  it("say what is wrong with a call", () => {
    expect(actionOf("str_replace_editor view /testbed/a.py")).toMatchObject({ kind: "unparsable" });
    expect(actionOf("str_replace_editor({command: 1})")).toMatchObject({ kind: "unparsable" });
    expect(actionOf("str_replace_editor([1])")).toMatchObject({ kind: "unparsable" });
  });
});
