// Paper Table 35: the model writes what it wants to see examples of, at every step.
import { actionText } from "../../domain/action.ts";
import { observedAt } from "../../domain/trajectory.ts";
import { budgets } from "./budgets.ts";
import type { Prompt, RetrievalQueryInput } from "./prompt.ts";
import { group, leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { observationSection } from "./trajectory-sections.ts";

/** Steps of the history that a query needs; older ones are behind what comes next. */
const stepsShown = 12;
/** A query is one or two lines; longer ones search worse. */
const queryCharactersMax = 2_000;

const template: Template = {
  purpose: "retrieval-query",
  system: `SYSTEM MESSAGE
An agent works towards a goal in a shell or another application, one action per turn. A library holds demonstrations of other tasks: an instruction and the actions that carried it out.
Write a query for that library: what information, which examples or which interaction histories would help most to choose the next action.
Describe the task in words and name the features of the application, rather than the names and values of this very case. Answer with the query alone, on one line.`,
  request: "Write the query.",
};

export const retrievalQuery: Prompt<RetrievalQueryInput, string> = {
  purpose: "retrieval-query",
  hash: templateHash(template),
  // Thinking counts towards it, and may take most of a thousand before the first word.
  outputTokensMax: 4_000,
  render: ({ instruction, trajectory }) => {
    const steps = trajectory.steps
      .slice(-stepsShown)
      .map((step) => group("step", [leaf("action", actionText(step.turn.action))], { number: step.index }));
    const present = observedAt(trajectory, trajectory.steps.length).observation;
    return {
      system: systemText(template),
      messages: [
        userMessage([
          `The final goal:\n${leaf("objective", instruction)}`,
          `Done so far:\n${group("history", steps)}`,
          `Observed now:\n${observationSection(present, budgets.pastObservation)}`,
          template.request,
        ]),
      ],
    };
  },
  output: {
    kind: "text",
    parse: (text) => text.replace(/\s+/g, " ").trim().slice(0, queryCharactersMax),
  },
};
