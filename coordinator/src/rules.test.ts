// Requirements: 3.7.rules
import { describe, expect, it } from "vitest";
import { aTrajectory, anObserved } from "../../test/support/builders.ts";
import { withoutDuplicateStates } from "./duplicate-states.ts";
import { rejectedByRule } from "./rules.ts";

describe("rejectedByRule", () => {
  it("lets a window pass that changes the world", () => {
    expect(rejectedByRule(aTrajectory({ command: "touch a", state: "a" }))).toBeNull();
  });

  it("lets a window pass that only shows something", () => {
    expect(rejectedByRule(aTrajectory({ command: "cat a", state: "start", text: "hello\n" }))).toBeNull();
  });

  it.each([
    ["a window without steps", [], "no-effect"],
    ["a silent window that ends where it began", [{ command: "true", state: "start" }], "no-effect"],
    [
      "a detour back to the start state",
      [
        { command: "touch a", state: "a" },
        { command: "rm a", state: "start" },
      ],
      "no-effect",
    ],
    [
      "a command that does not exist",
      [
        { command: "nmp i", state: "start", exitCode: 127, text: "not found" },
        { command: "ls", state: "b", text: "x" },
      ],
      "invalid-action",
    ],
    [
      "a killed command in the middle",
      [
        { command: "yes", state: "a", exitCode: null, killed: "output" as const },
        { command: "ls", state: "a", text: "x" },
      ],
      "invalid-action",
    ],
    [
      "a failing last command",
      [
        { command: "touch a", state: "a" },
        { command: "false", state: "a", exitCode: 1 },
      ],
      "failed-end",
    ],
    [
      "the same action from the same state",
      [
        { command: "a", state: "x" },
        { command: "b", state: "start" },
        { command: "a", state: "x" },
      ],
      "back-and-forth",
    ],
  ])("rejects %s", (_, steps, rule) => {
    expect(rejectedByRule(aTrajectory(...steps))).toBe(rule);
  });

  it("keeps a failing command in the middle for the committee to judge", () => {
    const steps = [
      { command: "grep x a", state: "start", exitCode: 1 },
      { command: "touch x", state: "x" },
    ];
    expect(rejectedByRule(aTrajectory(...steps))).toBeNull();
  });

  it("rejects an action that was not understood", () => {
    const trajectory = aTrajectory({ command: "?", state: "a" });
    trajectory.steps[0]!.observed = {
      ...anObserved({ state: "a" }),
      observation: { kind: "notice", text: "no such action" },
    };
    expect(rejectedByRule(trajectory)).toBe("invalid-action");
  });
});

describe("withoutDuplicateStates", () => {
  it("removes a step that repeats action, observation and state of the one before, and keeps the indices", () => {
    const { steps } = withoutDuplicateStates(
      aTrajectory(
        { command: "ls", state: "start", text: "a" },
        { command: "ls", state: "start", text: "a" },
        { command: "touch b", state: "b" },
      ),
    );
    expect(steps.map(({ index }) => index)).toEqual([1, 3]);
  });

  it("keeps a repetition that changed the world or showed something else", () => {
    const { steps } = withoutDuplicateStates(
      aTrajectory(
        { command: "echo x >> a", state: "1" },
        { command: "echo x >> a", state: "2" },
        { command: "date", state: "2", text: "1" },
        { command: "date", state: "2", text: "2" },
      ),
    );
    expect(steps).toHaveLength(4);
  });
});
