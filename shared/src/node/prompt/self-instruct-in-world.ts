// Paper Table 29 in a world that has places to begin in: tasks name one of them instead of bringing files, and are told
// how actions are written there.
import { z } from "zod";
import type { ActionLanguage } from "./action-language/action-language.ts";
import { budgets, clip } from "./budgets.ts";
import { guidanceCommands, instructionText, shortText } from "./proposal-schemas.ts";
import type { Prompt, SelfInstructInWorldInput, SelfInstructOutput } from "./prompt.ts";
import { group, leaf } from "./sections.ts";
import { documentSection } from "./self-instruct.ts";
import { systemText, type Template, templateHash, userMessage } from "./template.ts";

const templateIn = (language: ActionLanguage): Template => ({
  purpose: "self-instruct",
  system: `You read one part of a tutorial or manual and give examples of tasks that people who use the described application do often.
Each task will be given to an agent that works in the environment below, begins in one of the scenes, and knows nothing but your instruction and what it sees there. Its action is ${language.oneAction}:
${language.rules.map((rule) => `- ${rule}`).join("\n")}

For every task state:
- scene: the id of the scene that it begins in. A scene that states its own goal has that goal: the instruction then says in general words what is asked there, and is given only once.
- instruction: what to achieve, in plain English, with every name and value that is needed. Never how: no actions, no ids of elements. It must be possible from the scene, within the application, and must not be done already.
- asksForAnswer: true when the task asks for a piece of information, false when it asks for a changed state.
- expectedResult: what holds when the task is done, so that somebody who looks at the end can decide.
- guidance: the steps that the document spells out for this task, in order, as actions with your names and values filled in; empty when it spells out none. An element whose id cannot be known yet is told as [role "name"].
- needs: what the task cannot do without and the environment lacks: network, credentials, display, root, interaction.

Prefer tasks that differ from one another and begin in different scenes.`,
  request:
    "Based on this document, give {count} such tasks. Answer with one JSON object that has a single key `tasks`; fewer tasks are fine when the document does not carry more.",
});

const Task = z.strictObject({
  scene: z.string(),
  instruction: instructionText,
  asksForAnswer: z.boolean(),
  expectedResult: shortText,
  guidance: guidanceCommands,
  needs: z.array(z.enum(["network", "credentials", "display", "root", "interaction"])),
});

const Output: z.ZodType<SelfInstructOutput> = z
  .strictObject({ tasks: z.array(Task) })
  .transform(({ tasks }) => ({ tasks: tasks.map((task) => ({ ...task, files: [], setup: [] })) }));

/** The prompt for worlds whose actions are written in `language`. */
export function selfInstructIn(language: ActionLanguage): Prompt<SelfInstructInWorldInput, SelfInstructOutput> {
  const template = templateIn(language);
  return {
    purpose: "self-instruct",
    hash: templateHash(template),
    outputTokensMax: 8_000,
    render: ({ document, count, environment, scenes }) => ({
      system: systemText(template),
      messages: [
        userMessage([
          leaf("environment", environment),
          documentSection(document),
          ...scenes.map(({ id, description, statesGoal }) =>
            group("scene", [leaf("start_state", clip(description, budgets.seedFile))], {
              id,
              states_goal: statesGoal ? "yes" : "no",
            }),
          ),
          leaf("count", String(count)),
          template.request.replace("{count}", String(count)),
        ]),
      ],
    }),
    output: { kind: "json", name: "proposed_tasks", schema: Output },
  };
}
