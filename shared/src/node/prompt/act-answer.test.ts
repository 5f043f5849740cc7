// Requirements: 3.bad.answers
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { actionText, type Action } from "../../domain/action.ts";
import { parseTurn } from "./act-answer.ts";

const shell = (command: string): Action => ({ kind: "shell", command });
const stop = (answer: string | null): Action => ({ kind: "stop", answer });

describe("the reader of a policy's answer", () => {
  it.each<[string, string, Action]>([
    ["a fenced command", "REASON: look\nACTION:\n```bash\nls -a\n```", shell("ls -a")],
    ["a command on the line itself", "REASON: look\nACTION: ls -a", shell("ls -a")],
    ["lower case and bold marks", "**Reason:** look\n**Action:** `ls -a`", shell("ls -a")],
    ["a missing reason", "ACTION: ls", shell("ls")],
    ["a prompt sign", "ACTION: $ ls", shell("ls")],
    ["several lines in a fence", "ACTION:\n```\ncat > a <<'E'\nx\nE\n```", shell("cat > a <<'E'\nx\nE")],
    [
      "ACTION: inside the file that a command writes",
      "ACTION:\n```bash\ncat > a <<'E'\nACTION: ls\nE\n```",
      shell("cat > a <<'E'\nACTION: ls\nE"),
    ],
    ["stop", "REASON: done\nACTION: stop()", stop(null)],
    ["stop in a fence", "ACTION:\n```\nstop()\n```", stop(null)],
    ["an answer in quotes", 'ACTION: stop("a \\"b\\"\\nc")', stop('a "b"\nc')],
    ["an answer in single quotes", "ACTION: stop('42')", stop("42")],
    ["a bare answer", "ACTION: stop(42)", stop("42")],
    ["null as no answer", "ACTION: stop(null)", stop(null)],
  ])("understands %s", (_name, text, action) => {
    expect(parseTurn(text)).toMatchObject({ kind: "turn", action });
  });

  it.each<[string, string, RegExp]>([
    ["an empty answer", "  \n", /empty/],
    ["prose without an action", "I would list the files.", /no line that starts with ACTION/],
    ["a lone fence without ACTION", "```bash\nls\n```", /no line that starts with ACTION/],
    ["two actions", "ACTION: ls\nACTION: pwd", /2 actions/],
    ["nothing behind ACTION", "REASON: x\nACTION:", /Nothing follows/],
    ["an answer that was cut off", "ACTION:\n```bash\nls", /not closed/],
    [
      "an observation that the model made up",
      "ACTION:\n```bash\nls\n```\nOBSERVATION: a.txt",
      /follows the fenced block/,
    ],
    ["several bare lines", "ACTION: ls\nThis lists files.", /outside a fenced block/],
    ["stop behind a command", "ACTION:\n```bash\nls\nstop()\n```", /stop in a later turn/],
    ["an empty fence", "ACTION:\n```bash\n\n```", /empty/],
    ["a NUL byte", "ACTION: ls \0", /NUL/],
    ["a command longer than a message", `ACTION: ${"x".repeat(32_001)}`, /too long/],
    ["a refusal", "I'm sorry, I can't help with that.", /ACTION/],
    ["JSON", '{"action": "ls"}', /ACTION/],
  ])("does not guess at %s, and says what is wrong", (_name, text, problem) => {
    const result = parseTurn(text);
    expect(result.kind).toBe("unparsable");
    expect(result).toMatchObject({ problem: expect.stringMatching(problem) });
  });

  it("says how a command with a fence of its own is written, and then reads it", () => {
    const command = "cat > README.md <<'E'\n```\nls\n```\nE";
    const inThree = parseTurn(`ACTION:\n\`\`\`bash\n${command}\n\`\`\``);
    expect(inThree).toMatchObject({ kind: "unparsable", problem: expect.stringContaining("with four") });
    expect(parseTurn(`ACTION:\n\`\`\`\`bash\n${command}\n\`\`\`\``)).toMatchObject({ action: shell(command) });
  });

  it("never throws and never invents: a command is part of the text that was given", () => {
    const piece = fc.oneof(fc.string(), fc.constantFrom("ACTION:", "REASON:", "```", "\n", "stop(", ")", "bash"));
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 12 }), (pieces) => {
        const text = pieces.join("");
        const result = parseTurn(text);
        if (result.kind === "turn" && result.action.kind === "shell") expect(text).toContain(result.action.command);
        if (result.kind === "unparsable") expect(result.problem).not.toBe("");
      }),
    );
  });

  it("reads back every command and answer in the form that the prompt asks for", () => {
    const line = fc
      .string({ minLength: 1 })
      .filter((text) => text.trim() !== "" && !/[\0\r]|```|~~~|^stop\b/i.test(text));
    fc.assert(
      fc.property(line, (command) => {
        expect(parseTurn(`REASON: x\nACTION:\n\`\`\`bash\n${command}\n\`\`\``)).toMatchObject({
          action: shell(command.trim()),
        });
      }),
    );
    fc.assert(
      fc.property(fc.string(), (answer) => {
        expect(parseTurn(`REASON: x\nACTION: ${actionText(stop(answer))}`)).toMatchObject({ action: stop(answer) });
      }),
    );
  });
});
