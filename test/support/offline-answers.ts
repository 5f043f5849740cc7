// What an offline model answers to a prompt, and trajectories to ask it about.
import type { Effect, Trajectory } from "@hindcast/shared";
import { createOfflineModel } from "../../shared/src/node/model/offline/index.ts";
import { ask } from "../../shared/src/node/prompt/ask.ts";
import type { Prompt } from "../../shared/src/node/prompt/prompt.ts";
import { aTrajectory, type StepWords } from "./builders.ts";

export const rules = createOfflineModel("offline:rules");
export const strict = createOfflineModel("offline:rules-strict");
const { signal } = new AbortController();

export async function answerOf<Input, Output>(
  prompt: Prompt<Input, Output>,
  input: Input,
  model = rules,
): Promise<Output> {
  const asked = await ask(model, prompt, input, { seed: 1, signal });
  if (!asked.ok) throw new Error(asked.detail);
  return asked.value;
}

export interface Words extends StepWords {
  effects?: Effect[];
}

export function trajectoryOf(...steps: Words[]): Trajectory {
  const trajectory = aTrajectory(...steps);
  return {
    ...trajectory,
    steps: trajectory.steps.map((step, index) => ({
      ...step,
      observed: { ...step.observed, effects: steps[index]?.effects ?? [] },
    })),
  };
}

const json = (value: object): string => `${JSON.stringify(value, null, 2)}\n`;
export const packageChange = (before: object, after: object): Effect => ({
  change: "modified",
  path: "/workspace/package.json",
  before: json(before),
  after: json(after),
});
export const setField: Words = {
  command: "npm pkg set license=MIT",
  state: "licensed",
  effects: [packageChange({ name: "a", license: "ISC" }, { name: "a", license: "MIT" })],
};
export const tag: Words = {
  command: "git tag v1.2",
  state: "tagged",
  effects: [{ change: "created", path: "/workspace/.git/refs/tags/v1.2", before: null, after: "1234\n" }],
};
