// Requirements: 3.10.offline
import { describe, expect, it } from "vitest";
import {
  anInstruction,
  anObserved,
  aShellObservation,
  aTrajectory,
  stateHash,
  type StepWords,
} from "../../../../../test/support/builders.ts";
import { aDemonstration } from "../../../../../test/support/messages.ts";
import { answerOf } from "../../../../../test/support/offline-answers.ts";
import { actionText } from "../../../domain/action.ts";
import type { Demonstration } from "../../../domain/demonstration.ts";
import { act } from "../../prompt/act.ts";
import type { ActInput } from "../../prompt/prompt.ts";

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
