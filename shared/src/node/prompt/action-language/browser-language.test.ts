// Requirements: 6.11.actions
import { describe, expect, it } from "vitest";
import { parseTurn } from "../act-answer.ts";
import { browserLanguage } from "./browser-language.ts";

const read = (action: string): object =>
  parseTurn(`REASON: because\nACTION:\n\`\`\`text\n${action}\n\`\`\``, browserLanguage);

describe("what a model writes in a browser", () => {
  it.each([
    ["click [ 12 ]", { kind: "browser", call: "click [12]" }],
    ["type [3] [two words]", { kind: "browser", call: "type [3] [two words] [1]" }],
    ["click('a51')", { kind: "browser", call: 'click("a51")' }],
    ["go_back", { kind: "browser", call: "go_back" }],
    ["go_back()", { kind: "browser", call: "go_back()" }],
    ["stop [N/A]", { kind: "stop", answer: "N/A" }],
    ["stop", { kind: "stop", answer: null }],
    ['stop("the answer")', { kind: "stop", answer: "the answer" }],
    ["send_msg_to_user('42')", { kind: "stop", answer: "42" }],
    ["report_infeasible('no such page')", { kind: "stop", answer: "N/A" }],
  ])("%s", (written, action) => {
    expect(read(written)).toEqual({ kind: "turn", reason: "because", action });
  });

  it.each([
    ["click [abc]", /form click \[id\]/],
    ["dance", /"dance" is no action/],
    ["click(", /cannot be read/],
    ["jump('1')", /jump is no action; the actions are send_msg_to_user/],
  ])("%s is refused with what would be right", (written, problem) => {
    expect(read(written)).toEqual({ kind: "unparsable", problem: expect.stringMatching(problem) });
  });
});
