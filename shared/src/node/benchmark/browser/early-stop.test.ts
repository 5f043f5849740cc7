// Requirements: 6.11.early-stop
import { describe, expect, it } from "vitest";
import { earlyStopReason } from "./early-stop.ts";

describe("stopping early", () => {
  it.each([
    ["nothing done", [], null],
    ["two unreadable ones", ["click [1]", null, null], null],
    ["three unreadable ones", [null, null, null], /3 actions in a row could not be read/],
    ["three unreadable ones with one between", [null, null, "go_back", null], null],
    ["two equal ones", ["click [1]", "click [1]"], null],
    ["three equal ones", ["go_back", "click [1]", "click [1]", "click [1]"], /taken 3 times in a row/],
    ["three equal ones apart", ["click [1]", "go_back", "click [1]", "click [1]"], null],
    ["an unreadable one between equal ones", ["click [1]", null, "click [1]", "click [1]"], null],
    [
      "equal typing apart",
      ["type [1] [a] [1]", "go_back", "type [1] [a] [1]", "click [2]", "type [1] [a] [1]"],
      /typed/,
    ],
    ["other typing", ["type [1] [a] [1]", "type [1] [b] [1]", "type [2] [a] [1]"], null],
  ])("%s", (_, actions, reason) => {
    const found = earlyStopReason(actions);
    if (reason === null) expect(found).toBeNull();
    else expect(found).toMatch(reason);
  });
});
