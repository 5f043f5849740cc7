// Requirements: 3.bad.answers
import { networkOfRules } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anObserved, aRolloutTask } from "../../../test/support/builders.ts";
import { type Line, ScriptedModel } from "../../../test/support/scripted-model.ts";
import { ModelPolicy } from "./model-policy.ts";
import type { PolicyContext, PolicyTurn } from "./policy.ts";

const context = (partial: Parameters<typeof aRolloutTask>[0] = {}): PolicyContext => ({
  task: aRolloutTask(partial),
  trajectory: { initial: anObserved(), steps: [] },
  retrieved: [],
  stepsLeft: 5,
  world: null,
});

const promptOf = (model: ScriptedModel, at: number): string => JSON.stringify(model.requests[at]?.messages);

async function act(...lines: Line[]): Promise<{ turn: PolicyTurn; model: ScriptedModel }> {
  const model = new ScriptedModel("m", () => lines.shift() ?? "REASON: look\nACTION: ls");
  return { turn: await new ModelPolicy(model).act(context(), new AbortController().signal), model };
}

describe("a model as a policy", () => {
  it.each<[string, Line]>([
    ["no action", "I would list the files."],
    ["empty", ""],
    ["cut off", { completion: { stop: "output-limit", text: "REASON: so" } }],
  ])("is asked as often as a format error may happen, not twice as often: %s", async (_name, useless) => {
    const { turn, model } = await act(useless, useless, useless);
    expect(turn).toMatchObject({ kind: "format-limit" });
    expect(turn.kind === "format-limit" && turn.calls).toHaveLength(3);
    expect(model.requests).toHaveLength(3);
  });

  it("is shown what was wrong with an empty answer", async () => {
    const { turn, model } = await act("");
    expect(turn).toMatchObject({ kind: "turn", turn: { action: { kind: "shell", command: "ls" } } });
    expect(model.requests).toHaveLength(2);
    expect(promptOf(model, 1)).toContain("the answer was empty");
  });

  it("ends with the token limit at once when the prompt no longer fits", async () => {
    const { turn, model } = await act({ completion: { stop: "context-overflow" } });
    expect(turn).toMatchObject({ kind: "token-limit", detail: expect.stringContaining("context window") });
    expect(turn.kind === "token-limit" && turn.calls).toHaveLength(1);
    expect(model.requests).toHaveLength(1);
  });

  it("is told what of the network its episode may reach", async () => {
    const model = new ScriptedModel("m", () => "ACTION: ls");
    const network = networkOfRules(["tunnel pypi.org"])!;
    const task = { environment: { kind: "shell" as const, files: [], setup: [], network } };
    await new ModelPolicy(model).act(context(task), new AbortController().signal);
    expect(`${model.requests[0]?.system}${promptOf(model, 0)}`).toContain("tunnel pypi.org:443");
  });
});
