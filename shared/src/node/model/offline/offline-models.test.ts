// Requirements: 3.10.offline, 3.bad.config
import { describe, expect, it } from "vitest";
import { anObserved, aTrajectory } from "../../../../../test/support/builders.ts";
import { answerOf, rules, setField, trajectoryOf, type Words } from "../../../../../test/support/offline-answers.ts";
import { ask } from "../../prompt/ask.ts";
import { newTask } from "../../prompt/new-task.ts";
import { retrievalQuery } from "../../prompt/retrieval-query.ts";
import { rewriteReasons } from "../../prompt/rewrite-reasons.ts";
import { summariseTransition } from "../../prompt/summarise-transition.ts";
import { createOfflineModel } from "./index.ts";

const { signal } = new AbortController();

describe("an offline model", () => {
  it("is named by id, and an unknown one is refused with the known ids", () => {
    expect(rules).toMatchObject({ id: "offline:rules", provider: "offline", isOffline: true });
    expect(() => createOfflineModel("offline:magic")).toThrow(/offline:rules-strict/);
  });

  it("answers the same request the same way, costs nothing and counts tokens", async () => {
    const input = { instruction: "Set `license` to `MIT`", trajectory: trajectoryOf(setField), summaries: [""] };
    const asked = [
      await ask(rules, rewriteReasons, input, { seed: 1, signal }),
      await ask(rules, rewriteReasons, input, { seed: 1, signal }),
    ];
    expect(asked[0]).toMatchObject({ ok: true, calls: [{ costUsd: 0 }] });
    const [one, two] = asked.map(({ calls }) => calls[0]);
    expect(one?.requestHash).toBe(two?.requestHash);
    expect(one?.usage.inputTokens).toBeGreaterThan(0);
    expect(asked[0]?.ok === true && asked[1]?.ok === true && asked[0].value).toEqual(
      asked[1]?.ok === true && asked[1].value,
    );
  });

  it("stops when it is told to", async () => {
    await expect(
      ask(
        rules,
        newTask,
        { trajectory: trajectoryOf(setField), summaries: [] },
        { seed: 1, signal: AbortSignal.abort() },
      ),
    ).rejects.toThrow(/abort/i);
  });
});

describe("the offline change summariser", () => {
  const summary = ({ effects = [], ...words }: Words): Promise<string> => {
    const [step] = trajectoryOf({ ...words, effects }).steps;
    if (step === undefined) throw new Error("one step");
    return answerOf(summariseTransition, { before: anObserved(), action: step.turn.action, after: step.observed });
  };

  it("names what changed, what was printed, and failures", async () => {
    await expect(summary(setField)).resolves.toBe(
      "`npm pkg set license=MIT` set `license` to `MIT` in `package.json`.",
    );
    await expect(summary({ command: "ls", state: "start", text: "a.txt" })).resolves.toBe(
      "`ls` changed nothing and printed: a.txt",
    );
    await expect(summary({ command: "cat b", state: "start", text: "no such file", exitCode: 1 })).resolves.toBe(
      "`cat b` failed with exit code 1: no such file",
    );
    await expect(summary({ command: "true", state: "start" })).resolves.toBe(
      "`true` changed nothing and printed nothing.",
    );
    await expect(
      summary({ command: "cd docs", state: "docs", workingDirectory: "/workspace/docs" }),
    ).resolves.toContain("moved to `/workspace/docs`");
  });
});

describe("the offline query writer", () => {
  it("asks for the kind of task, not for its values", async () => {
    const query = await answerOf(retrievalQuery, {
      instruction: "Please rename the branch `old-login` to `hazel`. The tool for it is git.",
      trajectory: aTrajectory(),
    });
    expect(query).toMatch(/rename.*branch/);
    expect(query).not.toMatch(/please/i);
  });
});
