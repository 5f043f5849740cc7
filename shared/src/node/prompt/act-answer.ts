// Reads what a policy wrote after REASON: and ACTION:. Tolerant of form (case, bold marks, fences, a missing reason), but
// it never guesses which of two things was meant: what is not clear becomes a problem in words that help the model.
import { z } from "zod";
import type { Action } from "../../domain/action.ts";
import { Action as ActionSchema } from "../../domain/action.ts";
import type { ActionLanguage } from "./action-language/action-language.ts";
import { shellLanguage } from "./action-language/shell-language.ts";
import type { ActOutput } from "./prompt.ts";

const formIn = ({ oneAction }: ActionLanguage): string =>
  `Answer with \`REASON:\` and then one \`ACTION:\` that holds ${oneAction} or stop().`;
const marker = /^[ \t>*#]*action[ \t*]*:[ \t*]*/gim;
const reasonMarker = /^[\s>*#]*reason[ \t*]*:[ \t*]*/i;
const fence = /^(`{3,}|~{3,})[^\n]*\n([\s\S]*?)\n?^\1[ \t]*$/m;

export function parseTurn(text: string, language: ActionLanguage = shellLanguage): ActOutput {
  const form = formIn(language);
  if (text.trim() === "") return unparsable(`The answer was empty. ${form}`);
  const [first, ...others] = markersOutsideFences(text);
  if (first === undefined) return unparsable(`The answer has no line that starts with ACTION:. ${form}`);
  if (others.length > 0) {
    return unparsable(`The answer has ${others.length + 1} actions; only one per turn can be run. ${form}`);
  }
  const reason = text.slice(0, first.start).replace(reasonMarker, "").trim();
  const body = bodyOf(text.slice(first.end), language);
  return body.kind === "body" ? turn(reason, body.text, language) : body;
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

type Body = { kind: "body"; text: string } | Extract<ActOutput, { kind: "unparsable" }>;

function bodyOf(afterMarker: string, language: ActionLanguage): Body {
  const body = afterMarker.trim();
  if (body === "") return unparsable(`Nothing follows ACTION:. ${formIn(language)}`);
  if (/^(`{3,}|~{3,})/.test(body)) {
    const block = fence.exec(body);
    if (block === null) {
      return unparsable(
        "The fenced block after ACTION: is not closed; the answer may have been cut off. Write a shorter one.",
      );
    }
    if (body.slice(block[0].length).trim() !== "") {
      return unparsable(
        "Text follows the fenced block of the ACTION. End the answer with the block. Where the command itself has a line of three backticks, open and close the block with four.",
      );
    }
    return { kind: "body", text: block[2] ?? "" };
  }
  if (body.includes("\n")) {
    return unparsable(
      `The ACTION has several lines outside a fenced block. Put a command of several lines into one block that starts with \`\`\`${language.fence}, and write nothing after it.`,
    );
  }
  return { kind: "body", text: body.replace(/^(`+)([^`]+)\1$/, "$2").replace(/^\$ /, "") };
}

function turn(reason: string, body: string, language: ActionLanguage): ActOutput {
  const trimmed = body.trim();
  if (trimmed === "") return unparsable(`The ACTION is empty. ${formIn(language)}`);
  const action = stopAction(trimmed) ?? language.parse(trimmed);
  if ("problem" in action) return unparsable(action.problem);
  const checked = ActionSchema.safeParse(action);
  if (checked.success) return { kind: "turn", reason, action: checked.data };
  return unparsable(
    action.kind === "tool"
      ? `The ACTION cannot be called: ${z.prettifyError(checked.error)}`
      : `The ACTION is too long (${trimmed.length} characters). Write a shorter one.`,
  );
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
