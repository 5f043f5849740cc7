// Paper Tables 32–34: the next action, without or with retrieved demonstrations, in the paper's section order.
import type { Demonstration } from "../../domain/demonstration.ts";
import { actionText } from "../../domain/action.ts";
import { observedAt, type Trajectory } from "../../domain/trajectory.ts";
import { estimateTokens } from "../../tokens.ts";
import { parseTurn } from "./act-answer.ts";
import type { ActionLanguage } from "./action-language/action-language.ts";
import { shellLanguage } from "./action-language/shell-language.ts";
import { budgets } from "./budgets.ts";
import type { ActInput, ActOutput, Prompt } from "./prompt.ts";
import { group, leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { observationSection } from "./trajectory-sections.ts";

const templateIn = (language: ActionLanguage): Template => ({
  purpose: "act",
  system: `SYSTEM MESSAGE
You are an autonomous agent that works in the environment described below, one action per turn, until the objective is reached.
You are given, in this order: additional information for reference (demonstrations of other tasks in this environment, when there are any), the objective, the interaction history, and the present observation.

An action is either ${language.oneAction} or stop.
${language.rules.map((rule) => `- ${rule}`).join("\n")}
- stop() ends the episode: use it when the objective is reached. When the objective asks for an answer, give it as stop("the answer").
Demonstrations show how similar tasks were done elsewhere: their names and values are not yours. Take names and values from the objective and the observations.

Answer in exactly this form, with one action and nothing after it:
REASON: why this action comes next, in one to three sentences
ACTION:
\`\`\`${language.fence}
${language.placeholder}
\`\`\`
or, to end the episode:
REASON: why the objective is reached
ACTION: stop()`,
  request: "Write the REASON and the ACTION of the next turn.",
});

/** The prompt for worlds whose actions are written in `language`. */
export function actIn(language: ActionLanguage): Prompt<ActInput, ActOutput> {
  const template = templateIn(language);
  return {
    purpose: "act",
    hash: templateHash(template),
    outputTokensMax: 4_000,
    render: (input) => render(template, input),
    output: { kind: "text", parse: (text) => parseTurn(text, language) },
  };
}

export const act: Prompt<ActInput, ActOutput> = actIn(shellLanguage);

function render(template: Template, input: ActInput): ReturnType<Prompt<ActInput, ActOutput>["render"]> {
  const reference =
    input.demonstrations.length === 0
      ? []
      : [
          `ADDITIONAL INFORMATION FOR REFERENCE\n${group("demonstrations", input.demonstrations.map(demonstrationSection))}`,
        ];
  const history = historySections(input.trajectory);
  const parts = [
    ...reference,
    objectiveText(input),
    ...(history.length === 0
      ? ["INTERACTION HISTORY\nNothing was done yet."]
      : ["INTERACTION HISTORY, oldest first", ...history]),
  ];
  // Steps are only ever appended, so the prefix up to the last of them is what the next turn can reuse.
  return {
    system: `${systemText(template)}\n\n${leaf("environment", input.environment)}`,
    messages: [userMessage([...parts, presentText(template, input)], [reference.length, parts.length - 1])],
  };
}

function objectiveText({ instruction, asksForAnswer, guidance }: ActInput): string {
  const steps = guidance.map((command) => leaf("command", command));
  return [
    "OBJECTIVE",
    leaf("objective", instruction),
    leaf(
      "asks_for_answer",
      asksForAnswer ? "yes: finish with stop(answer)" : "no: finish with stop() once the state is as asked",
    ),
    ...(steps.length === 0
      ? []
      : [
          "The documentation suggests these steps; adapt them where the environment differs.",
          group("guidance", steps),
        ]),
  ].join("\n");
}

function presentText(template: Template, { trajectory, stepsLeft, problems }: ActInput): string {
  const present = observedAt(trajectory, trajectory.steps.length).observation;
  return [
    "OBSERVATIONS",
    observationSection(present, budgets.observation),
    leaf("steps_left", String(stepsLeft)),
    ...(problems.length === 0
      ? []
      : ["Your previous answers for this turn could not be used:", ...problems.map((text) => leaf("problem", text))]),
    template.request,
  ].join("\n");
}

/** One section per past step: the observation it started from, the reason, the action. The newest that fit the budget. */
function historySections(trajectory: Trajectory): string[] {
  const sections: string[] = [];
  let tokens = 0;
  for (const [index, step] of [...trajectory.steps.entries()].toReversed()) {
    const before = observedAt(trajectory, index).observation;
    const text = group(
      "step",
      [
        observationSection(before, budgets.pastObservation),
        leaf("reason", step.turn.reason),
        leaf("action", actionText(step.turn.action)),
      ],
      { number: index + 1 },
    );
    tokens += estimateTokens(text);
    if (tokens > budgets.history) {
      sections.push(`(The first ${index + 1} steps are left out.)`);
      break;
    }
    sections.push(text);
  }
  return sections.toReversed();
}

function demonstrationSection({ demonstration, reference }: ActInput["demonstrations"][number]): string {
  const steps = demonstration.steps.map((step, index) =>
    group(
      "step",
      [
        leaf("reason", step.reason),
        leaf("action", actionText(step.action)),
        observationSection(step.observation, budgets.demonstrationObservation),
      ],
      { number: index + 1 },
    ),
  );
  return group(
    "demonstration",
    [
      leaf("instruction", demonstration.instruction.text),
      observationSection(demonstration.initial, budgets.demonstrationObservation),
      ...steps,
      ...closing(demonstration),
    ],
    reference.position === null ? {} : { matched_observation: reference.position },
  );
}

function closing(demonstration: Demonstration): string[] {
  if (!demonstration.instruction.asksForAnswer) return [];
  return [leaf("answer", demonstration.answer ?? "")];
}
