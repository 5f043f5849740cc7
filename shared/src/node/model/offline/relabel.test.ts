// Requirements: 3.10.offline, 3.6.kinds
import { describe, expect, it } from "vitest";
import {
  answerOf,
  packageChange,
  setField,
  tag,
  trajectoryOf,
  type Words,
} from "../../../../../test/support/offline-answers.ts";
import type { Effect } from "../../../domain/observation.ts";
import { newTask } from "../../prompt/new-task.ts";

describe("the offline relabeller", () => {
  const relabelled = (
    ...steps: Words[]
  ): Promise<{ instruction: string; asksForAnswer: boolean; answer: string | null }> =>
    answerOf(newTask, { trajectory: trajectoryOf(...steps), summaries: steps.map(() => "") });

  it.each<[string, Words[], string]>([
    ["a changed field", [setField], "Using npm, set `license` to `MIT` in `package.json`."],
    [
      "a nested field that is gone",
      [
        {
          command: "npm pkg delete scripts.build",
          state: "b",
          effects: [packageChange({ scripts: { build: "x", test: "y" } }, { scripts: { test: "y" } })],
        },
      ],
      "Using npm, remove the field `scripts.build` from `package.json`.",
    ],
    ["a new tag", [tag], "Using git, create the tag `v1.2`."],
    [
      "a renamed branch",
      [
        {
          command: "git branch -m old new",
          state: "b",
          effects: [
            { change: "created", path: "/workspace/.git/refs/heads/new", before: null, after: "1234\n" },
            { change: "removed", path: "/workspace/.git/refs/heads/old", before: "1234\n", after: null },
          ],
        },
      ],
      "Using git, rename the branch `old` to `new`.",
    ],
    [
      "a commit, by the log of HEAD",
      [
        {
          command: 'git commit -m "Add notes"',
          state: "b",
          effects: [
            {
              change: "modified",
              path: "/workspace/.git/logs/HEAD",
              before: "0 1 A <a@b> 1 +0000\tcommit (initial): One\n",
              after: "0 1 A <a@b> 1 +0000\tcommit (initial): One\n1 2 A <a@b> 2 +0000\tcommit: Add notes\n",
            },
          ],
        },
      ],
      "Using git, commit the changes with the message `Add notes`.",
    ],
    [
      "a renamed file",
      [
        {
          command: "mv a.txt b.txt",
          state: "b",
          effects: [
            { change: "removed", path: "/workspace/a.txt", before: "hello\n", after: null },
            { change: "created", path: "/workspace/b.txt", before: null, after: "hello\n" },
          ],
        },
      ],
      "Using mv, rename `a.txt` to `b.txt`.",
    ],
    [
      "a file that only holds what was printed",
      [
        {
          command: "git log --oneline > log.txt",
          state: "b",
          effects: [{ change: "created", path: "/workspace/log.txt", before: null, after: "1234 One\n2345 Two\n" }],
        },
      ],
      "Using git, write what log shows to `log.txt` (oneline).",
    ],
    [
      "several steps at once",
      [setField, tag],
      "Using npm, set `license` to `MIT` in `package.json` and create the tag `v1.2`.",
    ],
  ])("tells %s", async (_name, steps, instruction) => {
    await expect(relabelled(...steps)).resolves.toMatchObject({ instruction, asksForAnswer: false, answer: null });
  });

  it("adds the values that only the command shows", async () => {
    const branch: Words = {
      command: "git branch topic v1.0",
      state: "b",
      effects: [{ change: "created", path: "/workspace/.git/refs/heads/topic", before: null, after: "1234\n" }],
    };
    await expect(relabelled(branch)).resolves.toMatchObject({
      instruction: "Using git, create the branch `topic`: `v1.0`.",
    });
  });

  it("asks a question where nothing changed, and takes the answer from the last observation", async () => {
    const question = await relabelled({ command: "npm pkg get name", state: "start", text: '"harbor"\n' });
    expect(question).toMatchObject({ asksForAnswer: true, answer: '"harbor"' });
    expect(question.instruction).toContain("`name`");
  });

  it("says nothing of caches, logs and objects", async () => {
    const noise: Effect[] = [
      "/home/agent/.npm/_logs/2026.log",
      "/home/agent/.npm/_cacache/x",
      "/workspace/.git/objects/ab/cd",
    ].map((path) => ({ change: "created", path, before: null, after: null }));
    await expect(relabelled({ ...setField, effects: [...(setField.effects ?? []), ...noise] })).resolves.toMatchObject({
      instruction: "Using npm, set `license` to `MIT` in `package.json`.",
    });
  });
});
