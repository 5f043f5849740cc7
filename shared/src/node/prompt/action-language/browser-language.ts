import type { Action } from "../../../domain/action.ts";
import { actionSets } from "../../benchmark/browser/action-set.ts";
import type { ActionLanguage } from "./action-language.ts";

/**
 * One action of a browser in either of its languages; which one a world speaks stands in the world's description. The
 * texts of one are none of the other, so the first that reads a text is right.
 */
export const browserLanguage: ActionLanguage = {
  oneAction: "one browser action",
  rules: [
    "A browser action is one call, written exactly as the environment's list of actions has it.",
    "Elements are named by their ids in the present observation.",
  ],
  fence: "text",
  placeholder: "the action",
  parse: (body) => {
    const webArena = actionSets.webarena.parse(body);
    const read = "problem" in webArena ? actionSets.browsergym.parse(body) : webArena;
    // What looks like no call was meant for WebArena's grammar: its complaint helps more.
    if ("problem" in read) return "problem" in webArena && !/^\s*\w+\s*\(/.test(body) ? webArena : read;
    const action: Action =
      read.command.do === "stop"
        ? { kind: "stop", answer: read.command.answer === "" ? null : read.command.answer }
        : { kind: "browser", call: read.call };
    return action;
  },
};
