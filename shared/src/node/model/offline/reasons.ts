import type { RewriteReasonsOutput } from "../../prompt/prompt.ts";
import { findSection, type Section } from "../../prompt/sections.ts";
import { seenSteps, textOf } from "./reading-prompts.ts";
import { quoted } from "./text.ts";

/** A reason quotes the instruction only so far. */
const instructionCharactersMax = 200;

/** Reasons under the relabelled instruction: what is asked, which step this is, what was seen before. */
export function rewriteReasonsOffline(sections: readonly Section[]): RewriteReasonsOutput {
  const instruction = textOf(sections, "instruction").replace(/\s+/g, " ").replace(/\.$/, "");
  const asked =
    instruction.length > instructionCharactersMax ? `${instruction.slice(0, instructionCharactersMax)}…` : instruction;
  const steps = seenSteps(findSection(sections, "trajectory")?.children ?? []);
  const reasons = steps.map((step, index) => {
    const place =
      steps.length === 1
        ? "One command does this"
        : index === 0
          ? "The first step"
          : index === steps.length - 1
            ? "The last step"
            : "The next step";
    const verb =
      steps.length === 1 ? "" : ` is ${quoted(step.action.replace(/\s+/g, " ").slice(0, instructionCharactersMax))}`;
    return `The instruction is: ${asked}. ${place}${verb}.`;
  });
  return { reasons };
}
