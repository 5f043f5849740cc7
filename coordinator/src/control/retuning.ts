// What `retune` may change, and how it is written: `key=value`, `none` for no limit.
import { CampaignTuning, HindcastError, LaneTuning, limits } from "@hindcast/shared";
import { nearestName } from "@hindcast/shared/node";
import { z } from "zod";

/** Keys that `retune` knows; values of other keys are not even recorded. */
export const campaignKeys = Object.keys(CampaignTuning.shape);
export const workerKeys = ["slots"];
export const laneKeys = Object.keys(LaneTuning.shape);
/** What of a campaign is said in a word. */
const wordKeys = ["priority"];

/** @throws CONFIG_UNKNOWN_KEY for what may not change, CONFIG_INVALID */
export function campaignTuning(given: Readonly<Record<string, string>>): CampaignTuning {
  assertKeys(given, campaignKeys, "a campaign");
  const values = Object.entries(given).map(([key, text]) => [key, wordKeys.includes(key) ? text : numberOrNone(text)]);
  return parse(CampaignTuning, Object.fromEntries(values), given);
}

/** @throws CONFIG_UNKNOWN_KEY, CONFIG_INVALID */
export function laneTuning(given: Readonly<Record<string, string>>): LaneTuning {
  assertKeys(given, laneKeys, "a lane");
  const values = Object.entries(given).map(([key, text]) => [key, numberOrNone(text)]);
  return parse(LaneTuning, Object.fromEntries(values), given);
}

/** @throws CONFIG_UNKNOWN_KEY, CONFIG_INVALID */
export function workerSlots(given: Readonly<Record<string, string>>): number {
  assertKeys(given, workerKeys, "a worker");
  const Slots = z.strictObject({ slots: z.int().positive().max(limits.slotsPerWorkerMax) });
  return parse(Slots, { slots: numberOf(given["slots"] ?? "") }, given).slots;
}

const numberOrNone = (text: string): number | null => (text === "none" ? null : numberOf(text));

/** `Number` takes an empty text for zero. */
const numberOf = (text: string): number => (text.trim() === "" ? Number.NaN : Number(text));

function parse<S extends z.ZodType>(schema: S, value: unknown, given: Readonly<Record<string, string>>): z.output<S> {
  const parsed = schema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => {
    const key = String(path[0] ?? "");
    return `${key}=${given[key] ?? ""}: ${message}`;
  });
  const isNumber = parsed.error.issues.some(({ path }) => !wordKeys.includes(String(path[0] ?? "")));
  const remedy = isNumber ? ". Give a number, or `none` for no limit where there may be none" : "";
  throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message: `${problems.join("; ")}${remedy}` });
}

function assertKeys(given: Readonly<Record<string, string>>, known: readonly string[], of: string): void {
  const keys = Object.keys(given);
  if (keys.length === 0) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `nothing to change was given; of ${of} these may: ${known.join(", ")}`,
    });
  }
  const unknown = keys.find((key) => !known.includes(key));
  if (unknown === undefined) return;
  const nearest = nearestName(unknown, known);
  throw new HindcastError({
    code: "CONFIG_UNKNOWN_KEY",
    boundary: "config",
    message:
      `"${unknown}" of ${of} cannot change while it runs${nearest === null ? "" : `; did you mean ${nearest}?`} ` +
      `These can: ${known.join(", ")}. Everything else is what it was begun with`,
  });
}
