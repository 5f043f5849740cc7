// Requirements: 6.16.harbor-reward
import { describe, expect, it } from "vitest";
import { mainReward, readReward } from "./reward.ts";

const reading = (txt: string | null, json: string | null = null) => readReward({ txt, json });

describe("a verifier's reward", () => {
  it.each([
    ["1", 1],
    ["0\n", 0],
    [" 0.5 ", 0.5],
    ["1e-3", 0.001],
    ["-2", -2],
    ["+.25", 0.25],
    ["1_000", 1000],
  ])("is the number in reward.txt: %j", (text, reward) => {
    expect(reading(text)).toEqual({ kind: "rewards", rewards: { reward } });
  });

  it.each([
    ["", "empty"],
    [" \n", "empty"],
    ["nan", "unreadable"],
    ["inf", "unreadable"],
    ["1e999", "unreadable"],
    ["pass", "unreadable"],
    ["1 0", "unreadable"],
    ["0x1", "unreadable"],
    ["1__0", "unreadable"],
  ])("is a fault of the verifier's where reward.txt holds %j", (text, fault) => {
    expect(reading(text)).toMatchObject({ kind: "fault", fault });
  });

  it.each([
    ['{"reward": 1, "style": 0.5}', { reward: 1, style: 0.5 }],
    ['{"accuracy": 0.25, "speed": 0.75}', { accuracy: 0.25, speed: 0.75 }],
    ['{"reward": true, "style": false}', { reward: 1, style: 0 }],
  ])("is read from reward.json, whatever reward.txt holds: %s", (text, rewards) => {
    expect(reading(null, text)).toEqual({ kind: "rewards", rewards });
    expect(reading("7", text)).toEqual({ kind: "rewards", rewards });
  });

  it.each([
    [null, "missing"],
    ["", "empty"],
    ["{}", "empty"],
    ["[1]", "unreadable"],
    ["{", "unreadable"],
    ['{"reward": "1"}', "unreadable"],
    ['{"reward": null}', "unreadable"],
    ['{"reward": NaN}', "unreadable"],
  ])("is a fault of the verifier's where reward.json holds %j", (text, fault) => {
    expect(reading(null, text)).toMatchObject({ kind: "fault", fault });
  });

  it("that decides is the one named reward, or the mean of all", () => {
    expect(mainReward({ reward: 1, style: 0 })).toBe(1);
    expect(mainReward({ accuracy: 1, style: 0 })).toBe(0.5);
  });
});
