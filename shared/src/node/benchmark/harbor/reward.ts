// What a Harbor verifier left in /logs/verifier: reward.json with named numbers, or else reward.txt with one (Harbor
// 0.25 reads them in this order; its documentation says the other). Both missing, empty, not a number or not finite is
// the verifier's own fault, and never a verdict on the agent.
import { messageOf } from "../../../errors.ts";

export type HarborReward =
  | { kind: "rewards"; rewards: Record<string, number> }
  /** In Harbor's words: RewardFileNotFoundError, RewardFileEmptyError, VerifierOutputParseError. */
  | { kind: "fault"; fault: "missing" | "empty" | "unreadable"; detail: string };

/** Null: there is no such file. reward.json goes before reward.txt, whatever is in it. */
export function readReward({ txt, json }: { txt: string | null; json: string | null }): HarborReward {
  if (json !== null) return fromJson(json);
  if (txt !== null) return fromText(txt);
  return { kind: "fault", fault: "missing", detail: "the verifier wrote neither reward.txt nor reward.json" };
}

function fromText(text: string): HarborReward {
  const word = text.trim();
  if (word === "") return { kind: "fault", fault: "empty", detail: "reward.txt is empty" };
  const reward = asNumber(word);
  if (reward !== null) return { kind: "rewards", rewards: { reward } };
  return { kind: "fault", fault: "unreadable", detail: `reward.txt holds ${JSON.stringify(word.slice(0, 100))}` };
}

function fromJson(text: string): HarborReward {
  if (text.trim() === "") return { kind: "fault", fault: "empty", detail: "reward.json is empty" };
  const unreadable = (detail: string): HarborReward => ({ kind: "fault", fault: "unreadable", detail });
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return unreadable(`reward.json is no JSON: ${messageOf(error)}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    return unreadable("reward.json is no object");
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length === 0) return { kind: "fault", fault: "empty", detail: "reward.json names no reward" };
  // Harbor is Python, where true is a number and 1.
  const rewards = entries.map(([name, reward]) => [name, typeof reward === "boolean" ? Number(reward) : reward]);
  const wrong = rewards.find(([, reward]) => typeof reward !== "number" || !Number.isFinite(reward));
  if (wrong !== undefined) return unreadable(`reward.json has ${JSON.stringify(wrong[1])} for ${String(wrong[0])}`);
  return { kind: "rewards", rewards: Object.fromEntries(rewards) as Record<string, number> };
}

/** A finite number as Python's float() reads it; null for everything else. */
function asNumber(word: string): number | null {
  if (!/^[+-]?(\d+(_\d+)*\.?(\d+(_\d+)*)?|\.\d+(_\d+)*)(e[+-]?\d+)?$/i.test(word)) return null;
  const value = Number(word.replaceAll("_", ""));
  return Number.isFinite(value) ? value : null;
}

/** The one number that decides: `reward`, or the mean where a verifier names others only. */
export function mainReward(rewards: Readonly<Record<string, number>>): number {
  const { reward } = rewards;
  if (reward !== undefined) return reward;
  const all = Object.values(rewards);
  return all.reduce((sum, each) => sum + each, 0) / all.length;
}
