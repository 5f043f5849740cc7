// Requirements: 4.5.window
import { Demonstration } from "@hindcast/shared";
import { expect, test } from "vitest";
import { aDemonstrationOf } from "../../test/support/retrieval.ts";
import { demonstrationWindow } from "./demonstration-window.ts";

const demonstration = aDemonstrationOf(1, {
  initial: "o0",
  answer: "42",
  steps: [{ observation: "o1" }, { observation: "o2" }, { observation: "o3" }],
});

test("the observation at its start becomes the initial one, and the answer stays with the last step", () => {
  const cut = (from: number, to: number): unknown[] => {
    const { initial, initialStateHash, steps, answer } = demonstrationWindow(demonstration, from, to);
    return [initial.text, initialStateHash === demonstration.initialStateHash, steps.length, answer];
  };
  expect(cut(0, 3)).toEqual(["o0", true, 3, "42"]);
  expect(cut(0, 1)).toEqual(["o0", true, 1, null]);
  expect(cut(1, 2)).toEqual(["o1", false, 1, null]);
  expect(cut(2, 3)).toEqual(["o2", false, 1, "42"]);
});

test("a window is a demonstration itself, and the whole is left as it is", () => {
  expect(demonstrationWindow(demonstration, 0, 3)).toEqual(demonstration);
  const cut = demonstrationWindow(demonstration, 1, 3);
  expect(Demonstration.parse(cut)).toEqual(cut);
  expect(cut.lineage).toEqual(demonstration.lineage);
});
