// Paper Table 31: one committee member's vote on an instruction–trajectory pair. The checklist of key points comes before
// the verdict (WebJudge), the four criteria are those of paper §2.3.
import { z } from "zod";
import type { JudgeInput, JudgeOutput, Prompt } from "./prompt.ts";
import { leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { trajectorySection } from "./trajectory-sections.ts";

const template: Template = {
  purpose: "judge",
  system: `You decide whether a trajectory is a good demonstration of an instruction. Be strict: a wrong demonstration does more harm than a missing one.

First write the checklist: the key points that the instruction asks for, each with whether the trajectory meets it, judged by what was observed and changed and not by what was intended.
Then decide the four criteria:
- aligned: the trajectory achieves what the instruction asks for, all of it, and the given answer (if there is one) is right.
- coherent: each action follows from the observation before it, and the actions do not contradict one another.
- natural: a person who was given the instruction might do it this way.
- reasonable: no detours, no useless or repeated steps, no going back and forth, and not more simplified than the instruction allows.
Then give a score from 1 (useless) to 5 (exemplary), the reason in one or two sentences, and the verdict: yes only if every checklist item and all four criteria hold, else no.`,
  request: "Judge the pair. Answer with one JSON object.",
};

const Output: z.ZodType<JudgeOutput> = z.strictObject({
  checklist: z.array(z.strictObject({ item: z.string(), met: z.boolean() })),
  criteria: z.strictObject({
    aligned: z.boolean(),
    coherent: z.boolean(),
    natural: z.boolean(),
    reasonable: z.boolean(),
  }),
  score: z.literal([1, 2, 3, 4, 5]),
  reason: z.string(),
  verdict: z.enum(["yes", "no"]),
});

export const judge: Prompt<JudgeInput, JudgeOutput> = {
  purpose: "judge",
  hash: templateHash(template),
  outputTokensMax: 4_000,
  render: ({ instruction, expectedResult, trajectory, summaries, answer }) => ({
    system: systemText(template),
    messages: [
      userMessage([
        `Task instruction:\n${leaf("instruction", instruction)}`,
        ...(expectedResult === null ? [] : [leaf("expected_result", expectedResult)]),
        trajectorySection(trajectory, summaries),
        ...(answer === null ? [] : [`The trajectory ends with this answer:\n${leaf("answer", answer)}`]),
        template.request,
      ]),
    ],
  }),
  output: { kind: "json", name: "verdict", schema: Output },
};
