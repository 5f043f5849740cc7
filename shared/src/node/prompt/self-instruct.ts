// Paper Table 29: tasks from documentation. Added to it: an expected result for the judges, the document's own steps as
// guidance (AgentTrek), the start state that the task needs, and what it needs that an environment may lack.
import { z } from "zod";
import type { Document } from "../../domain/document.ts";
import { budgets, clip } from "./budgets.ts";
import { guidanceCommands, instructionText, seedFiles, setupCommands, shortText } from "./proposal-schemas.ts";
import type { Prompt, SelfInstructInput, SelfInstructOutput } from "./prompt.ts";
import { leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";

const template: Template = {
  purpose: "self-instruct",
  system: `You read one part of a tutorial or manual and give examples of tasks that people who use the described application do often.
Each task will be given to an agent that works in the environment below and knows nothing but your instruction.

For every task state:
- instruction: what to achieve, in plain English, with every name and value that is needed. Never how: no command lines.
- asksForAnswer: true when the task asks for a piece of information, false when it asks for a changed state.
- expectedResult: what holds when the task is done, so that somebody who looks at the end can decide.
- guidance: the commands that the document spells out for this task, in order, with your names and values filled in; empty when it spells out none.
- files and setup: the start state. Files are put into the empty working directory first, then the setup commands run in order. The task must make sense from there, and must not be done already.
- needs: what the task cannot do without: network, credentials, display, root, interaction. Be strict: a task that contacts a server needs network even when it might be cached.

Prefer tasks whose result can be seen in files or in printed output, that differ from one another, and that need no network.`,
  request:
    "Based on this document, give {count} such tasks. Answer with one JSON object that has a single key `tasks`; fewer tasks are fine when the document does not carry more.",
};

const Output: z.ZodType<SelfInstructOutput> = z.strictObject({
  tasks: z.array(
    z.strictObject({
      instruction: instructionText,
      asksForAnswer: z.boolean(),
      expectedResult: shortText,
      guidance: guidanceCommands,
      files: seedFiles,
      setup: setupCommands,
      needs: z.array(z.enum(["network", "credentials", "display", "root", "interaction"])),
    }),
  ),
});

export const selfInstruct: Prompt<SelfInstructInput, SelfInstructOutput> = {
  purpose: "self-instruct",
  hash: templateHash(template),
  outputTokensMax: 8_000,
  render: ({ document, count, environment }) => ({
    system: systemText(template),
    messages: [
      userMessage([
        leaf("environment", environment),
        documentSection(document),
        leaf("count", String(count)),
        template.request.replace("{count}", String(count)),
      ]),
    ],
  }),
  output: { kind: "json", name: "proposed_tasks", schema: Output },
};

/** A document with where it comes from, as every prompt shows it. */
export function documentSection(document: Document): string {
  return leaf("document", clip(document.text, budgets.document), {
    source: document.source,
    title: document.title,
    path: document.headingPath.join(" > "),
  });
}
