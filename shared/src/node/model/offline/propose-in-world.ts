// The offline proposer in a world with scenes: a document's sentences with the steps that it spells out for them, put
// into the scenes that are offered. `<file>` stands for the file that a scene's description names.
import type { ProposedTask } from "../../prompt/prompt.ts";
import { type Section, sectionsOf } from "../../prompt/sections.ts";
import { documentBlocks } from "./document-blocks.ts";
import { literals } from "./literals.ts";
import type { DocumentText } from "./propose.ts";
import { textOf } from "./reading-prompts.ts";
import { firstSentence } from "./text.ts";

interface Example {
  lead: string;
  steps: string[];
}

type Task = Omit<ProposedTask, "files" | "setup"> & { scene: string };

export function proposedInWorld(document: DocumentText, sections: readonly Section[], count: number): Task[] {
  const examples = examplesOf(document.text);
  const scenes = sectionsOf(sections, "scene").map(({ attributes, children }) => ({
    id: attributes.id ?? "",
    statesGoal: attributes.states_goal === "yes",
    description: textOf(children, "start_state"),
  }));
  const wanted = scenes.flatMap((scene) => examples.map((example) => ({ scene, example })));
  return wanted.flatMap(({ scene, example }) => taskFrom(scene, example) ?? []).slice(0, count);
}

function examplesOf(text: string): Example[] {
  const blocks = documentBlocks(text);
  return blocks.flatMap((block, index) => {
    const before = blocks[index - 1];
    if (block.kind !== "code" || before?.kind !== "prose") return [];
    const lead = firstSentence(before.lines.join(" ")).replace(/:$/, "");
    return [{ lead, steps: block.lines.filter((line) => line.trim() !== "") }];
  });
}

function taskFrom(
  { id, statesGoal, description }: { id: string; statesGoal: boolean; description: string },
  { lead, steps }: Example,
): Task | null {
  const file = literals(description).find(({ kind }) => kind === "file")?.value;
  if (file === undefined && [lead, ...steps].some((part) => part.includes("<file>"))) return null;
  const filled = (part: string): string => part.replaceAll("<file>", file ?? "");
  return {
    scene: id,
    instruction: statesGoal ? `Reach the goal that the page states: ${filled(lead)}.` : `${filled(lead)}.`,
    asksForAnswer: false,
    expectedResult: `This was done: ${filled(lead)}.`,
    guidance: steps.map(filled),
    needs: [],
  };
}
