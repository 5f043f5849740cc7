// Reads what a policy wrote after REASON: and ACTION:. Tolerant of form (case, bold marks, fences, a missing reason), but
// it never guesses which of two things was meant: what is not clear becomes a problem in words that help the model.
import type { Action } from "../../domain/action.ts";
import { Action as ActionSchema } from "../../domain/action.ts";
import type { ActOutput } from "./prompt.ts";

const form = "Answer with `REASON:` and then one `ACTION:` that holds a shell command or stop().";
const marker = /^[ \t>*#]*action[ \t*]*:[ \t*]*/gim;
const reasonMarker = /^[\s>*#]*reason[ \t*]*:[ \t*]*/i;
const fence = /^(`{3,}|~{3,})[^\n]*\n([\s\S]*?)\n?^\1[ \t]*$/m;

export function parseTurn(text: string): ActOutput {
  if (text.trim() === "") return unparsable(`The answer was empty. ${form}`);
  const [first, ...others] = markersOutsideFences(text);
  if (first === undefined) return unparsable(`The answer has no line that starts with ACTION:. ${form}`);
  if (others.length > 0) {
    return unparsable(`The answer has ${others.length + 1} actions; only one per turn can be run. ${form}`);
  }
  const reason = text.slice(0, first.start).replace(reasonMarker, "").trim();
  const body = commandOf(text.slice(first.end));
  return body.kind === "command" ? turn(reason, body.command) : body;
}

/** `ACTION:` at the start of a line, unless a fenced block (a file being written, say) contains it. */
function markersOutsideFences(text: string): { start: number; end: number }[] {
  const fenced = [...text.matchAll(new RegExp(fence.source, "gm"))].map((match) => ({
    start: match.index,
    end: match.index + match[0].length,
  }));
  return [...text.matchAll(marker)]
    .map((match) => ({ start: match.index, end: match.index + match[0].length }))
    .filter(({ start }) => !fenced.some((block) => block.start <= start && start < block.end));
}

type Body = { kind: "command"; command: string } | Extract<ActOutput, { kind: "unparsable" }>;

function commandOf(afterMarker: string): Body {
  const body = afterMarker.trim();
  if (body === "") return unparsable(`Nothing follows ACTION:. ${form}`);
  if (/^(`{3,}|~{3,})/.test(body)) {
    const block = fence.exec(body);
    if (block === null) {
      return unparsable(
        "The fenced block after ACTION: is not closed; the answer may have been cut off. Write a shorter one.",
      );
    }
    if (body.slice(block[0].length).trim() !== "") {
      return unparsable("Text follows the fenced block of the ACTION. End the answer with the block.");
    }
    return { kind: "command", command: block[2] ?? "" };
  }
  if (body.includes("\n")) {
    return unparsable(
      "The ACTION has several lines outside a fenced block. Put a command of several lines into one block that starts with ```bash, and write nothing after it.",
    );
  }
  return { kind: "command", command: body.replace(/^(`+)([^`]+)\1$/, "$2").replace(/^\$ /, "") };
}

function turn(reason: string, command: string): ActOutput {
  const trimmed = command.trim();
  if (trimmed === "") return unparsable(`The ACTION is empty. ${form}`);
  if (trimmed.includes("\0")) return unparsable("The ACTION contains a NUL byte, which no shell accepts.");
  const action = stopAction(trimmed) ?? { kind: "shell" as const, command: trimmed };
  if (action.kind === "shell" && /\n[ \t]*stop[ \t]*\([^\n]*\)$/.test(trimmed)) {
    return unparsable("The ACTION ends with stop() after a command. Run the command first; stop in a later turn.");
  }
  const checked = ActionSchema.safeParse(action);
  if (!checked.success) {
    return unparsable(`The ACTION is too long (${trimmed.length} characters). Write a shorter one.`);
  }
  return { kind: "turn", reason, action: checked.data };
}

/** `stop()`, `stop("…")`, `stop('…')`, `stop(…)` or a bare `stop`; null for anything else. */
function stopAction(text: string): Action | null {
  if (/^stop\.?$/i.test(text)) return { kind: "stop", answer: null };
  const argument = /^stop[ \t]*\(([\s\S]*)\)$/i.exec(text)?.[1]?.trim();
  if (argument === undefined) return null;
  if (argument === "" || /^(null|none)$/i.test(argument)) return { kind: "stop", answer: null };
  return { kind: "stop", answer: unquoted(argument) };
}

function unquoted(argument: string): string {
  if (argument.startsWith('"')) {
    try {
      const value: unknown = JSON.parse(argument);
      if (typeof value === "string") return value;
    } catch {
      // Not JSON, for example because of a raw newline: the text between the quotes is the answer as it stands.
      return argument.replace(/^"([\s\S]*)"$/, "$1");
    }
  }
  return argument.replace(/^'([\s\S]*)'$/, "$1");
}

function unparsable(problem: string): Extract<ActOutput, { kind: "unparsable" }> {
  return { kind: "unparsable", problem };
}
