import type { Document, DocumentId } from "@hindcast/shared";
import type { CompletionRequest } from "@hindcast/shared/node";
import { type Line, ScriptedModel } from "./scripted-model.ts";

export const aDocument = (n: number, text = `Page ${n}`): Document => ({
  id: `doc-${n}` as DocumentId,
  source: `page-${n}.md`,
  part: 0,
  title: `Page ${n}`,
  headingPath: [],
  text,
  tokens: 4,
});

/** The answer of a judge who has nothing to find fault with. */
export const judgedWell: Line = {
  json: {
    checklist: [{ item: "done", met: true }],
    criteria: { aligned: true, coherent: true, natural: true, reasonable: true },
    score: 4,
    reason: "fine",
    verdict: "yes",
  },
};

const promptOf = ({ messages }: CompletionRequest): string =>
  messages.flatMap(({ content }) => content.map(({ text }) => text)).join("\n");

/**
 * A generator with fixed words: per document one task that can be done, one that needs the network and one that
 * repeats the first; relabelling names the actions it is shown.
 */
export function scriptedGenerator(
  overrides: Partial<Record<CompletionRequest["purpose"], (request: CompletionRequest) => Line>> = {},
): ScriptedModel {
  return new ScriptedModel("offline:generator", (request) => overrides[request.purpose]?.(request) ?? answer(request));
}

function answer(request: CompletionRequest): Line {
  const prompt = promptOf(request);
  switch (request.purpose) {
    case "self-instruct": {
      const page = /Page (\d+)/.exec(prompt)?.[1] ?? "0";
      const task = {
        asksForAnswer: false,
        expectedResult: "done",
        guidance: ["do-one", "do-two"],
        files: [],
        setup: [],
        needs: [],
      };
      const instruction = `Prepare workspace number ${page} as ${"alpha beta gamma delta".split(" ")[Number(page) % 4]} wants it`;
      return {
        json: {
          tasks: [
            { ...task, instruction },
            { ...task, instruction: `Publish package ${page}`, needs: ["network"] },
            { ...task, instruction },
          ],
        },
      };
    }
    case "summarise-transition":
      return `Ran ${/<action>\s*(\S+?)\s*<\/action>/.exec(prompt)?.[1] ?? "something"}.`;
    case "new-task-instruction": {
      const actions = [...prompt.matchAll(/<action>\s*(\S+?)\s*<\/action>/g)].map((match) => match[1]);
      return {
        json: {
          instruction: `Carry out ${actions.join(" and ")}`,
          asksForAnswer: false,
          answer: null,
          expectedResult: "done",
        },
      };
    }
    case "rewrite-reason":
      return { json: { reasons: [...prompt.matchAll(/<action>/g)].map((_, i) => `reason ${i + 1}`) } };
    case "judge":
      return judgedWell;
    default:
      return "REASON: nothing else to do\nACTION: stop()";
  }
}
