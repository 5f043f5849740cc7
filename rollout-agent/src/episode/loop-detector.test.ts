// Requirements: 3.4.loops
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aTrajectory, type StepWords } from "../../../test/support/builders.ts";
import { findLoop } from "./loop-detector.ts";

const stepsOf = (...words: StepWords[]): Parameters<typeof findLoop>[0] => aTrajectory(...words).steps;
const ls: StepWords = { command: "ls", state: "start", text: "a" };
const cat: StepWords = { command: "cat a", state: "start", text: "x" };

describe("findLoop", () => {
  it("sees three identical steps", () => {
    expect(findLoop(stepsOf(ls, ls))).toBeNull();
    expect(findLoop(stepsOf(ls, ls, ls))).toMatch(/3 times in a row/);
  });

  it("sees a cycle of two that was gone through three times", () => {
    expect(findLoop(stepsOf(ls, cat, ls, cat))).toBeNull();
    expect(findLoop(stepsOf(ls, cat, ls, cat, ls, cat))).toMatch(/cycle of 2/);
  });

  it("does not take progress for a loop: the same action with another state or output", () => {
    const append = (n: number): StepWords => ({ command: "echo x >> a", state: `${n}` });
    expect(findLoop(stepsOf(append(1), append(2), append(3), append(4)))).toBeNull();
    const poll = (n: number): StepWords => ({ command: "cat log", state: "start", text: `${n}` });
    expect(findLoop(stepsOf(poll(1), poll(2), poll(3)))).toBeNull();
  });

  it("never sees a loop where all steps differ", () => {
    fc.assert(
      fc.property(fc.uniqueArray(fc.string({ minLength: 1 }), { maxLength: 40 }), (commands) => {
        expect(findLoop(stepsOf(...commands.map((command) => ({ command, state: "start" }))))).toBeNull();
      }),
    );
  });
});
