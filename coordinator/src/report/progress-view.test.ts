// Requirements: 3.13.report
import type { Progress } from "@hindcast/shared";
import { beforeEach, describe, expect, it } from "vitest";
import { ProgressView, type ProgressOptions } from "./progress-view.ts";
import { styleOf } from "./style.ts";

let lines: string[];
let statuses: string[];
let clock: number;
beforeEach(() => {
  lines = [];
  statuses = [];
  clock = 0;
});

const view = (options: Partial<ProgressOptions> = {}): ProgressView =>
  new ProgressView(
    { line: (text) => void lines.push(text), status: (text) => void statuses.push(text) },
    { isLive: true, width: 80, now: () => clock, ...options },
  );
const progress = (stage: Progress["stage"], done: number, total: number, note = ""): Progress => ({
  v: 1,
  kind: "progress",
  campaignId: "c-1" as Progress["campaignId"],
  stage,
  done,
  total,
  note,
});

describe("ProgressView", () => {
  it("says for good what everything waits for, and not again within ten seconds", () => {
    const shown = view();
    for (clock of [0, 9_999, 10_000]) shown.update(progress("waiting", 0, 0, "the generator does not answer"));
    expect(lines).toEqual(["the generator does not answer", "the generator does not answer"]);
  });

  it("shows all stages that are under way in one live line, in the order of the work", () => {
    const shown = view();
    shown.update(progress("rollout", 2, 1_234));
    shown.update(progress("self-instruct", 30, 40, "npm\u001B[2J-pkg.md"));

    expect(statuses).toEqual([
      "rollout 2/1,234 ▏░░░░░░░",
      "self-instruct 30/40 ██████░░ · rollout 2/1,234 — npm-pkg.md",
    ]);
    expect(lines).toEqual([]);
  });

  it("leaves the last counts behind when it is finished", () => {
    const shown = view();
    shown.update(progress("rollout", 36, 36));
    shown.update(progress("evaluation", 8, 8));
    shown.finish();

    expect(statuses.at(-1)).toBe("");
    expect(lines).toEqual(["rollout 36/36 · evaluation 8/8"]);
  });

  it("prints plain lines without a terminal: first, now and then, and when a stage is complete", () => {
    const shown = view({ isLive: false });
    for (let done = 0; done <= 30; done += 1) {
      shown.update(progress("rollout", done, 30));
      clock += 1_000;
    }
    shown.update(progress("finished", 1, 1));
    shown.finish();

    expect(lines).toEqual(["rollout 0/30", "rollout 10/30", "rollout 20/30", "rollout 30/30"]);
    expect(statuses).toEqual([]);
  });

  it("never counts backwards when messages come late", () => {
    const shown = view();
    shown.update(progress("rollout", 5, 9));
    shown.update(progress("rollout", 4, 9));
    expect(statuses).toHaveLength(1);
  });

  it("keeps the line within the terminal, one column free", () => {
    const shown = view({ width: 30, unicode: false });
    shown.update(progress("backward-construction", 5, 9, "a long note about a window"));
    expect(statuses).toEqual(["backward-construction 5/9 ..."]);
  });
});

describe("styleOf", () => {
  const terminal = { isTty: true, columns: 90, env: { LANG: "en_US.UTF-8", TERM: "xterm-256color" } };

  it("uses what a terminal can do", () => {
    expect(styleOf(terminal)).toEqual({ width: 90, color: true, unicode: true, isLive: true });
  });

  it.each([
    ["NO_COLOR", { NO_COLOR: "1" }, { color: false, isLive: true }],
    ["an empty NO_COLOR", { NO_COLOR: "" }, { color: true }],
    ["CI", { CI: "true" }, { isLive: false }],
    ["a dumb terminal", { TERM: "dumb" }, { color: false, isLive: false }],
    ["a locale without UTF-8", { LC_ALL: "C" }, { unicode: false }],
  ])("honours %s", (_, env, expected) => {
    expect(styleOf({ ...terminal, env: { ...terminal.env, ...env } })).toMatchObject(expected);
  });

  it("is plain and wide where there is no terminal", () => {
    expect(styleOf({ isTty: false, columns: undefined, env: {} })).toEqual({
      width: 100,
      color: false,
      unicode: false,
      isLive: false,
    });
  });
});
