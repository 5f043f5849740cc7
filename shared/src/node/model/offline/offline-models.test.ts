// Requirements: 3.10.offline, 3.6.kinds, 3.bad.config
import { describe, expect, it } from "vitest";
import { aDemonstration } from "../../../../../test/support/messages.ts";
import {
  anInstruction,
  anObserved,
  aShellObservation,
  aTrajectory,
  stateHash,
  type StepWords,
} from "../../../../../test/support/builders.ts";
import { actionText } from "../../../domain/action.ts";
import type { Demonstration } from "../../../domain/demonstration.ts";
import type { Effect } from "../../../domain/observation.ts";
import type { Trajectory } from "../../../domain/trajectory.ts";
import { act } from "../../prompt/act.ts";
import { ask } from "../../prompt/ask.ts";
import { judge } from "../../prompt/judge.ts";
import { newTask } from "../../prompt/new-task.ts";
import type { ActInput, Prompt } from "../../prompt/prompt.ts";
import { retrievalQuery } from "../../prompt/retrieval-query.ts";
import { rewriteReasons } from "../../prompt/rewrite-reasons.ts";
import { summariseTransition } from "../../prompt/summarise-transition.ts";
import { createOfflineModel } from "./index.ts";

const rules = createOfflineModel("offline:rules");
const strict = createOfflineModel("offline:rules-strict");
const { signal } = new AbortController();

async function answerOf<Input, Output>(prompt: Prompt<Input, Output>, input: Input, model = rules): Promise<Output> {
  const asked = await ask(model, prompt, input, { seed: 1, signal });
  if (!asked.ok) throw new Error(asked.detail);
  return asked.value;
}

interface Words extends StepWords {
  effects?: Effect[];
}

function trajectoryOf(...steps: Words[]): Trajectory {
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
const packageChange = (before: object, after: object): Effect => ({
  change: "modified",
  path: "/workspace/package.json",
  before: json(before),
  after: json(after),
});
const setField: Words = {
  command: "npm pkg set license=MIT",
  state: "licensed",
  effects: [packageChange({ name: "a", license: "ISC" }, { name: "a", license: "MIT" })],
};
const tag: Words = {
  command: "git tag v1.2",
  state: "tagged",
  effects: [{ change: "created", path: "/workspace/.git/refs/tags/v1.2", before: null, after: "1234\n" }],
};

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

describe("the offline judges", () => {
  const verdict = async (
    instruction: string,
    steps: Words[],
    { model = rules, answer = null as string | null } = {},
  ): Promise<{ verdict: string; reason: string; score: number }> =>
    answerOf(
      judge,
      { instruction, expectedResult: null, trajectory: trajectoryOf(...steps), summaries: steps.map(() => ""), answer },
      model,
    );
  const look: Words = { command: "ls", state: "start", text: "package.json" };

  it("accept a pair whose instruction is what was done", async () => {
    for (const model of [rules, strict]) {
      await expect(
        verdict("Using npm, set `license` to `MIT` in `package.json`.", [setField], { model }),
      ).resolves.toMatchObject({ verdict: "yes", score: 5 });
    }
  });

  it.each<[string, string, Words[], string | null]>([
    ["another value than was set", "Using npm, set `license` to `Apache-2.0` in `package.json`.", [setField], null],
    ["another task", "Using git, create the branch `topic`.", [setField], null],
    [
      "a failing step",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [{ command: "npm pk set", state: "start", exitCode: 1, text: "unknown" }, setField],
      null,
    ],
    [
      "a failed end",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [setField, { command: "npm x", state: "licensed", exitCode: 1 }],
      null,
    ],
    ["a repeated step", "Using npm, set `license` to `MIT` in `package.json`.", [setField, setField], null],
    [
      "a change that was taken back",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [
        setField,
        {
          command: "npm pkg set license=ISC",
          state: "start",
          effects: [packageChange({ name: "a", license: "MIT" }, { name: "a", license: "ISC" })],
        },
      ],
      null,
    ],
    [
      "a step without any effect",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [setField, { command: "true", state: "licensed" }],
      null,
    ],
    [
      "a question without an answer",
      "Using npm, find out the `name`. Answer with what is printed.",
      [{ command: "npm pkg get name", state: "start", text: "name: harbor" }],
      null,
    ],
    [
      "a wrong answer",
      "Using npm, find out the `name`. Answer with what is printed.",
      [{ command: "npm pkg get name", state: "start", text: "name: harbor" }],
      "orchard",
    ],
    [
      "nothing changed",
      "Using npm, set `license` to `MIT` in `package.json`.",
      [{ command: "cat package.json", state: "start", text: "license MIT npm set package.json" }],
      null,
    ],
  ])("say no to %s", async (_name, instruction, steps, answer) => {
    await expect(verdict(instruction, steps, { answer })).resolves.toMatchObject({ verdict: "no" });
  });

  it("accept a right answer", async () => {
    const steps = [{ command: "npm pkg get name", state: "start", text: '"harbor"' }];
    await expect(
      verdict("Using npm, find out what pkg get shows for `name`. Answer with what is printed.", steps, {
        answer: '"harbor"',
      }),
    ).resolves.toMatchObject({ verdict: "yes" });
  });

  it("differ on a step at the start that was not needed", async () => {
    const steps = [look, setField];
    const instruction = "Using npm, set `license` to `MIT` in `package.json`.";
    await expect(verdict(instruction, steps)).resolves.toMatchObject({ verdict: "yes" });
    await expect(verdict(instruction, steps, { model: strict })).resolves.toMatchObject({ verdict: "no" });
  });
});

describe("the offline actor", () => {
  const learned = (text: string, ...commands: string[]): Demonstration => ({
    ...aDemonstration(text.length),
    instruction: anInstruction({ kind: "new-task", text }),
    steps: commands.map((command) => ({
      reason: "",
      action: { kind: "shell", command },
      observation: aShellObservation(),
      stateHash: stateHash(command),
      summary: "",
    })),
  });
  const input = (instruction: string, demonstrations: Demonstration[], partial: Partial<ActInput> = {}): ActInput => ({
    instruction,
    asksForAnswer: false,
    guidance: [],
    trajectory: { initial: anObserved(), steps: [] },
    demonstrations: demonstrations.map((demonstration, rank) => ({
      demonstration,
      reference: { demonstrationId: demonstration.id, position: null, retriever: "model-dense", rank, score: 1 },
    })),
    environment: "a shell",
    stepsLeft: 10,
    problems: [],
    ...partial,
  });
  /** Plays the actor against a world that answers by `exits`: exit code and output per command. */
  async function played(
    given: ActInput,
    world: (command: string) => { exitCode: number; text: string } = () => ({ exitCode: 0, text: "" }),
  ): Promise<string[]> {
    const steps: StepWords[] = [];
    const reasons: string[] = [];
    const actions: string[] = [];
    while (actions.length < 12) {
      const trajectory = aTrajectory(...steps);
      trajectory.steps.forEach((step, index) => (step.turn.reason = reasons[index] ?? ""));
      const turn = await answerOf(act, { ...given, trajectory });
      if (turn.kind !== "turn") throw new Error(turn.problem);
      actions.push(actionText(turn.action));
      if (turn.action.kind === "stop") return actions;
      const command = actionText(turn.action);
      steps.push({ command, state: `s${actions.length}`, ...world(command) });
      reasons.push(turn.reason);
    }
    return actions;
  }

  it("follows guidance step by step, then stops", async () => {
    await expect(played(input("Do it", [], { guidance: ["mkdir docs", "cd docs"] }))).resolves.toEqual([
      "mkdir docs",
      "cd docs",
      "stop()",
    ]);
  });

  it("stops with what the last command printed when an answer is asked for", async () => {
    const given = input("Which name?", [], { guidance: ["npm pkg get name"], asksForAnswer: true });
    await expect(played(given, () => ({ exitCode: 0, text: '"harbor"' }))).resolves.toEqual([
      "npm pkg get name",
      'stop("\\"harbor\\"")',
    ]);
  });

  it.each<{ what: string; instruction: string; commands: string[]; objective: string; expected: string[] }>([
    {
      what: "values behind the same fields",
      instruction: "Using npm, set `description` to `Awesome package` and `engines.node` to `>=10` in `package.json`.",
      commands: ["npm pkg set description='Awesome package' engines.node='>=10'"],
      objective:
        "The project here is managed with npm. Set multiple fields at once: set `description` to `Quiet harbor` and `engines.node` to `>=18`.",
      expected: ["npm pkg set description='Quiet harbor' engines.node='>=18'"],
    },
    {
      what: "names in every step",
      instruction: "Using git, create the branch `topic/wip` and switch from `master` to `topic/wip`.",
      commands: ["git branch topic/wip", "git switch topic/wip"],
      objective: "Create a branch `hazel` and switch to it, with the help of git.",
      expected: ["git branch hazel", "git switch hazel"],
    },
    {
      what: "part of a value",
      instruction: "Using npm, set `bin.first` to `cli.js` in `package.json`.",
      commands: ["npm pkg set bin.first=cli.js"],
      objective: "Define a new bin named `second` in your `package.json` that points to a file `tool.js`.",
      expected: ["npm pkg set bin.second=tool.js"],
    },
    {
      what: "values that need quotes",
      instruction: "Using git, commit the changes with the message `Tidy`.",
      commands: ["git commit -a -m Tidy"],
      objective: "Commit the changes with the message `It's done`, using git.",
      expected: ['git commit -a -m "It\'s done"'],
    },
  ])("adapts a demonstration: $what", async ({ instruction, commands, objective, expected }) => {
    const other = learned("Using git, delete the tag `v9`.", "git tag -d v9");
    const actions = await played(input(objective, [other, learned(instruction, ...commands)]));
    expect(actions).toEqual([...expected, "stop()"]);
  });

  it("turns to the next demonstration when a command fails", async () => {
    const objective = "Create the tag `v2` with git.";
    const demonstrations = [
      learned("Create the tag `v1` with git.", "git tagg v1"),
      learned("Using git, create the tag `v1`, quietly.", "git tag v1"),
    ];
    const actions = await played(input(objective, demonstrations), (command) => ({
      exitCode: command.includes("tagg") ? 1 : 0,
      text: "",
    }));
    expect(actions).toEqual(["git tagg v2", "git tag v2", "stop()"]);
  });

  it("knows no command of its own but ls, cat and --help", async () => {
    const given = input(
      "Using git, create the tag `v2` and the branch `topic`, and set `license` to `MIT` with npm.",
      [],
    );
    const actions = await played(given, (command) => ({ exitCode: 0, text: command === "ls" ? "README.md\nsrc" : "" }));
    for (const action of actions) expect(action).toMatch(/^ls$|^cat README|^[a-z]+(?: [a-z-]+)? --help$|^stop\(\)$/);
    expect(actions).toContain("cat README.md");
  });

  it("composes a command from a usage line that it has read", async () => {
    const help = `npm version\n\nUsage:\nnpm version [<newversion> | major | minor]\n\n${"Bumps a version. ".repeat(10)}`;
    const commands = `npm <command>\n\nAll commands:\n\n    access, pkg, version, view\n\n${"More words. ".repeat(10)}`;
    const world = (command: string): { exitCode: number; text: string } =>
      command === "npm --help"
        ? { exitCode: 1, text: commands }
        : { exitCode: 0, text: command === "npm version --help" ? help : "" };
    await expect(played(input("Using npm, bump the version to `2.3.4`.", []), world)).resolves.toEqual([
      "ls",
      "npm --help",
      "npm version --help",
      "npm version 2.3.4",
      "stop()",
    ]);
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
