// Not in the paper: held-out tasks with reference commands, so that success can be measured without a model. They
// either vary a task that was learned from (other names, values, wording, start state) or come from an unseen document.
import { z } from "zod";
import { budgets, clip } from "./budgets.ts";
import { guidanceCommands, instructionText, seedFiles, setupCommands } from "./proposal-schemas.ts";
import type { EvaluationTaskInput, EvaluationTaskOutput, Prompt } from "./prompt.ts";
import { group, leaf } from "./sections.ts";
import { documentSection } from "./self-instruct.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";

const variation =
  "Vary the learned task into {count} new ones: the same features of the application, but other names, values, wording and start files, so that nobody could solve one by repeating the learned commands.";
const unseen = "Take {count} tasks from the document.";

const template: Template = {
  purpose: "evaluation-task",
  system: `You write examination tasks for an agent that works in the environment below. An episode succeeds when the files that it leaves behind equal those that your reference commands leave behind, so both must be exact.

For every task state:
- instruction: what to achieve, in plain English. It must name every file, name, value and message that the reference commands use and that cannot be found out in the start state; otherwise nobody could reach the same end state. It must not contain the commands or say which options to use.
- files and setup: the start state. Files are put into the empty working directory first, then the setup commands run in order.
- referenceCommands: commands that reach the right end state from there. They must change at least one file, run without network, credentials, display, root and questions, and give the same result every time.`,
  request: `${variation} ${unseen}`,
};

const Output: z.ZodType<EvaluationTaskOutput> = z.strictObject({
  tasks: z.array(
    z.strictObject({
      instruction: instructionText,
      files: seedFiles,
      setup: setupCommands,
      referenceCommands: guidanceCommands.refine((commands) => commands.length > 0, "at least one reference command"),
    }),
  ),
});

export const evaluationTask: Prompt<EvaluationTaskInput, EvaluationTaskOutput> = {
  purpose: "evaluation-task",
  hash: templateHash(template),
  outputTokensMax: 8_000,
  render: ({ document, learned, count, environment, seed }) => ({
    system: systemText(template),
    messages: [
      userMessage([
        leaf("environment", environment),
        documentSection(document),
        ...(learned === null ? [] : [learnedSection(learned)]),
        leaf("count", String(count)),
        leaf("variation", String(seed)),
        `${(learned === null ? unseen : variation).replace("{count}", String(count))} The variation number only tells apart repeated requests. Answer with one JSON object that has a single key \`tasks\`; fewer tasks are fine.`,
      ]),
    ],
  }),
  output: { kind: "json", name: "evaluation_tasks", schema: Output },
};

function learnedSection(learned: NonNullable<EvaluationTaskInput["learned"]>): string {
  return group("learned_task", [
    leaf("instruction", learned.instruction),
    group("start_state", [
      ...learned.files.map((file) => leaf("file", clip(file.content, budgets.seedFile), { path: file.path })),
      ...learned.setup.map((command) => leaf("setup", command)),
    ]),
    group(
      "guidance",
      learned.guidance.map((command) => leaf("command", command)),
    ),
  ]);
}
