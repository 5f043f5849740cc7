// Paper Table 30, first kind: the instruction that a window of behaviour does accomplish.
import { z } from "zod";
import { instructionText, shortText } from "./proposal-schemas.ts";
import type { NewTaskInput, NewTaskOutput, Prompt } from "./prompt.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { trajectorySection } from "./trajectory-sections.ts";

const template: Template = {
  purpose: "new-task-instruction",
  system: `Below is a trajectory to complete a task: what was observed, what was done, and what each action changed. The task itself is lost. It may be smaller than, or different from, what the agent had in mind.
Write one reasonable task instruction that exactly this trajectory completes:
- a person could have wanted it, and it describes the result, not the commands;
- it names every file, name and value that somebody would need to reach the same result from the same start;
- it asks for nothing that the trajectory did not achieve.
When the trajectory changes nothing but shows information, ask a question that the last observation answers, set asksForAnswer to true, and give the answer as that observation has it. Otherwise asksForAnswer is false and answer is null.
expectedResult says in one sentence what holds at the end.`,
  request: "Write the instruction as one JSON object.",
};

const Output: z.ZodType<NewTaskOutput> = z
  .strictObject({
    instruction: instructionText,
    asksForAnswer: z.boolean(),
    answer: z.string().nullable(),
    expectedResult: shortText,
  })
  .refine(({ asksForAnswer, answer }) => !asksForAnswer || (answer ?? "").trim() !== "", {
    path: ["answer"],
    error: "asksForAnswer is true, so answer must hold the answer",
  });

export const newTask: Prompt<NewTaskInput, NewTaskOutput> = {
  purpose: "new-task-instruction",
  hash: templateHash(template),
  outputTokensMax: 4_000,
  render: ({ trajectory, summaries }) => ({
    system: systemText(template),
    messages: [userMessage([trajectorySection(trajectory, summaries), template.request])],
  }),
  output: { kind: "json", name: "new_task", schema: Output },
};
