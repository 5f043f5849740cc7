// NNetNav's change summariser: one or two sentences per transition, written once from the observations at length and
// read by every later prompt, which shows less of them.
import { actionText } from "../../domain/action.ts";
import { budgets } from "./budgets.ts";
import type { Prompt, SummariseTransitionInput } from "./prompt.ts";
import { group, leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { effectsSection, observationSection } from "./trajectory-sections.ts";

/** Two sentences with the odd long path. */
const summaryCharactersMax = 1_500;

const template: Template = {
  purpose: "summarise-transition",
  system: `You are shown one transition of an agent in a shell or another application: the observation before, the action, the observation after, and which files the action changed.
Say in one or two sentences what the action did and what it changed or printed. Name files, fields, elements, values, branches and error messages exactly. Say so when it failed or changed nothing. Do not guess why it was done.`,
  request: "Write the summary alone.",
};

export const summariseTransition: Prompt<SummariseTransitionInput, string> = {
  purpose: "summarise-transition",
  hash: templateHash(template),
  // Thinking counts towards it, and may take most of a thousand before the first word.
  outputTokensMax: 4_000,
  render: ({ before, action, after }) => ({
    system: systemText(template),
    messages: [
      userMessage([
        group("before", [observationSection(before.observation, budgets.pastObservation)]),
        leaf("action", actionText(action)),
        group("after", [observationSection(after.observation, budgets.pastObservation), effectsSection(after)]),
        template.request,
      ]),
    ],
  }),
  output: { kind: "text", parse: (text) => text.replace(/\s+/g, " ").trim().slice(0, summaryCharactersMax) },
};
