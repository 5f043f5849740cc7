// The two action languages of browsers behind one door: text in, canonical text and command out.
import {
  browserGymCommand,
  browserGymForm,
  browserGymNames,
  browserGymText,
  parseBrowserGym,
} from "./browsergym-actions.ts";
import type { ActionProblem, ParsedAction } from "./command.ts";
import { parseWebArena, webArenaCommand, webArenaForms, webArenaText } from "./webarena-actions.ts";

export const actionSetNames = ["webarena", "browsergym"] as const;
export type ActionSetName = (typeof actionSetNames)[number];

export interface ActionSet {
  /** One line per action, for prompts. */
  forms: string[];
  example: string;
  parse(text: string): ParsedAction | ActionProblem;
}

export const actionSets: Record<ActionSetName, ActionSet> = {
  webarena: {
    forms: Object.values(webArenaForms),
    example: "click [12]",
    parse: (text) => {
      const action = parseWebArena(text);
      return "problem" in action ? action : { call: webArenaText(action), command: webArenaCommand(action) };
    },
  },
  browsergym: {
    forms: browserGymNames.map(browserGymForm),
    example: 'click("12")',
    parse: (text) => {
      const action = parseBrowserGym(text);
      return "problem" in action ? action : { call: browserGymText(action), command: browserGymCommand(action) };
    },
  },
};
