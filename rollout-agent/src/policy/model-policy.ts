import type { ModelCall } from "@hindcast/shared";
import { actIn, actionLanguage, ask, environmentDescription, type Model } from "@hindcast/shared/node";
import type { Policy, PolicyContext, PolicyTurn } from "./policy.ts";

/** Any model as a policy: the paper's Tables 32–34. An answer that is no action is shown to the model and asked again. */
export class ModelPolicy implements Policy {
  readonly #model: Model;

  constructor(model: Model) {
    this.#model = model;
  }

  async act(
    { task, trajectory, retrieved, stepsLeft, world }: PolicyContext,
    signal: AbortSignal,
  ): Promise<PolicyTurn> {
    const calls: ModelCall[] = [];
    const { kind } = task.environment;
    const prompt = actIn(actionLanguage(kind));
    const network = task.environment.kind === "shell" ? task.environment.network : undefined;
    const environment = [environmentDescription(kind, network), ...(world === null ? [] : [world])].join("\n");
    const problems: string[] = [];
    while (problems.length < task.limits.formatErrorsMax) {
      const input = {
        instruction: task.instruction.text,
        asksForAnswer: task.instruction.asksForAnswer,
        guidance: task.instruction.guidance,
        trajectory,
        demonstrations: retrieved,
        environment,
        stepsLeft,
        problems,
      };
      const answer = await ask(this.#model, prompt, input, { seed: task.seed, signal, isRepaired: false });
      calls.push(...answer.calls);
      if (!answer.ok && answer.problem === "overflow") return { kind: "token-limit", detail: answer.detail, calls };
      if (!answer.ok && answer.problem === "refusal") return { kind: "refused", detail: answer.detail, calls };
      if (answer.ok && answer.value.kind === "turn") {
        return { kind: "turn", turn: { reason: answer.value.reason, action: answer.value.action, calls } };
      }
      problems.push(answer.ok ? unparsable(answer.value) : answer.detail);
    }
    return { kind: "format-limit", detail: problems.at(-1) ?? "", calls };
  }
}

function unparsable(value: { kind: "turn" } | { kind: "unparsable"; problem: string }): string {
  return value.kind === "unparsable" ? value.problem : "";
}
