// A model that helps to make tasks: it writes functions anew, puts bugs into them and reports what a bug does. Its
// answers are texts that have to stand checks; where one does not, or the money is spent, there is none.
import { HindcastError, type ModelCall, sumCost } from "@hindcast/shared";
import {
  ask,
  breakFunction,
  type FunctionInput,
  type IssueInput,
  type MakingCosts,
  type Model,
  type Prompt,
  rewriteFunction,
  writeIssue,
} from "@hindcast/shared/node";

/** Of a report; longer ones are no reports. */
const issueCharsMax = 8_000;

export type AuthoredBug = "rewrite" | "modify";

export class TaskAuthor {
  readonly #model: Model;
  readonly #calls: ModelCall[] = [];
  #isSpent = false;
  #unusable = 0;

  constructor(model: Model) {
    this.#model = model;
  }

  /** Something could not be bought. What the journal has is still there. */
  get isSpent(): boolean {
    return this.#isSpent;
  }

  get costs(): MakingCosts {
    return {
      model: this.#model.id,
      calls: this.#calls.length,
      journaled: this.#calls.filter(({ journaled }) => journaled).length,
      costUsd: sumCost(this.#calls.map(({ costUsd }) => costUsd)),
      unusable: this.#unusable,
      isSpent: this.#isSpent,
    };
  }

  /** The function as the model writes it; null for none that could be used. @throws as `Model.complete`, budgets aside */
  async writeFunction(kind: AuthoredBug, input: FunctionInput, signal: AbortSignal): Promise<string | null> {
    const answer = await this.#ask(kind === "rewrite" ? rewriteFunction : breakFunction, input, signal);
    return answer === null ? null : answer.code;
  }

  /** A user's report. @throws as `Model.complete`, budgets aside */
  async writeIssue(input: IssueInput, signal: AbortSignal): Promise<string | null> {
    const issue = (await this.#ask(writeIssue, input, signal))?.issue.trim() ?? "";
    return issue === "" || issue.length > issueCharsMax ? null : issue;
  }

  /** Something that it wrote did not stand a check. */
  reject(): void {
    this.#unusable++;
  }

  async #ask<Input, Output>(prompt: Prompt<Input, Output>, input: Input, signal: AbortSignal): Promise<Output | null> {
    try {
      const asked = await ask(this.#model, prompt, input, { seed: 1, signal });
      this.#calls.push(...asked.calls);
      if (asked.ok) return asked.value;
    } catch (error) {
      if (!(error instanceof HindcastError) || error.code !== "CAMPAIGN_BUDGET_EXHAUSTED") throw error;
      this.#isSpent = true;
      return null;
    }
    this.#unusable++;
    return null;
  }
}
