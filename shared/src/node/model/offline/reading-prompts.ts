// Reads a rendered prompt back: all that an offline model knows of its request is the text that any model would get.
import type { Effect } from "../../../domain/observation.ts";
import { findSection, parseSections, sectionsOf, type Section } from "../../prompt/sections.ts";
import type { CompletionRequest } from "../model.ts";

export function promptSections(request: CompletionRequest): Section[] {
  const text = request.messages.flatMap((message) => message.content.map((part) => part.text)).join("");
  return parseSections(`${request.system}\n${text}`);
}

export function textOf(sections: readonly Section[], name: Section["name"]): string {
  return findSection(sections, name)?.text ?? "";
}

export interface SeenObservation {
  /** What was printed, without the lines about directory and exit code. */
  output: string;
  exitCode: number | null;
  killed: boolean;
  workingDirectory: string;
  raw: string;
}

export function seenObservation(text: string): SeenObservation {
  const lines = text.split("\n");
  const workingDirectory = /^\[working directory (.*)\]$/.exec(lines[0] ?? "")?.[1] ?? "";
  const status = lines.at(-1) ?? "";
  const exit = /^\[exit code (\d+)\]$/.exec(status)?.[1];
  const body = lines.filter(
    (line, index) =>
      !(index === 0 && workingDirectory !== "") && !/^\[(?:exit code \d+|killed: \w+|\d+ bytes omitted)\]$/.test(line),
  );
  return {
    output: body.join("\n").trim(),
    exitCode: exit === undefined ? null : Number(exit),
    killed: status.startsWith("[killed: "),
    workingDirectory,
    raw: text,
  };
}

export interface SeenStep {
  action: string;
  reason: string;
  observation: SeenObservation;
  effects: Effect[];
  summary: string;
}

/** The steps of a `trajectory`, `demonstration` or `history` section. */
export function seenSteps(sections: readonly Section[]): SeenStep[] {
  return sectionsOf(sections, "step").map(({ children }) => ({
    action: textOf(children, "action"),
    reason: textOf(children, "reason"),
    observation: seenObservation(textOf(children, "observation")),
    effects: seenEffects(children),
    summary: textOf(children, "summary"),
  }));
}

export function seenEffects(sections: readonly Section[]): Effect[] {
  const effects = findSection(sections, "effects")?.children ?? [];
  return effects.map(({ attributes, children }) => ({
    change: attributes.change === "created" || attributes.change === "removed" ? attributes.change : "modified",
    path: attributes.path ?? "",
    before: sectionsOf(children, "before")[0]?.text ?? null,
    after: sectionsOf(children, "after")[0]?.text ?? null,
  }));
}
