import type { Action } from "../../../domain/action.ts";

/** How the actions of a kind of world are written: what a prompt tells of them, and what an answer is read as. */
export interface ActionLanguage {
  /** "a shell command": one action, in a sentence that goes on with "or stop". */
  oneAction: string;
  /** What a model must know to write one, a line each. */
  rules: readonly string[];
  /** Info string of the fenced block that holds an action. */
  fence: string;
  /** What stands in the block of the example. */
  placeholder: string;
  /** @param body what follows `ACTION:`, without its fence; never empty, never `stop` */
  parse(body: string): Action | { problem: string };
}
