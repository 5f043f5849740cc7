// Numbers, money, months, durations and distances.
import { printed, type Json } from "../json-value.ts";
import { plainValue, something, valueType, type ReadContext } from "../normalized.ts";
import { monthOf } from "./date-text.ts";
import { secondsOf } from "./duration-text.ts";
import { numberOfWords } from "./number-words.ts";

function plain(value: Json, name: string, context: ReadContext): Json {
  return something(plainValue(value, context), name);
}

/** A number without unit; `1,234` and `twenty-three` are numbers. */
export const numberType = valueType<number>({
  name: "Number",
  read: (value, context) => {
    const given = plain(value, "number", context);
    if (typeof given === "number" || typeof given === "boolean") return Number(given);
    const text = printed(given);
    return floatOf(text.replaceAll(",", "").replaceAll(" ", "")) ?? numberOfWords(text);
  },
  // 8 is written 8.0 by the published evaluator, whose numbers are floats.
  print: (value) => (Number.isInteger(value) ? `${value}.0` : String(value)),
});

/** A decimal number in Python's spelling, which allows `1_000`. */
function floatOf(text: string): number | null {
  const isFloat = /^[-+]?(?:\d+(?:_\d+)*\.?(?:\d+(?:_\d+)*)?|\.\d+(?:_\d+)*)(?:e[-+]?\d+(?:_\d+)*)?$/i.test(text);
  if (isFloat) return Number(text.replaceAll("_", ""));
  const infinite = /^([-+]?)inf(?:inity)?$/i.exec(text);
  return infinite === null ? null : infinite[1] === "-" ? -Infinity : Infinity;
}

/** A tenth of the unit either way; the sign is kept, the currency is not looked at. */
export const currencyType = valueType<number>({
  name: "Currency",
  read: (value, context) => {
    const text = printed(plain(value, "amount", context));
    const isNegative = text.startsWith("-");
    const amount = amountOf(isNegative ? text.replaceAll("-", "") : text);
    return isNegative ? -amount : amount;
  },
  // The published evaluator compares first alternatives only.
  equal: ([one], [two]) => one !== undefined && two !== undefined && exact(Math.abs(one - two)) <= 0.1,
});

/** Without the noise of binary fractions: 1.1 - 1 is 0.1. */
function exact(value: number): number {
  return Math.round(value * 1e9) / 1e9;
}

/**
 * The first number in a text that is no percentage; of point and comma the last one is for decimals, so that `1,234` is
 * 1.234, and `.99` is less than one.
 */
function amountOf(text: string): number {
  const found = /(\.?\d[\d\s.,']*)(?:[^%\d]|$)/.exec(text)?.[1];
  if (found === undefined) {
    if (text.includes("free")) return 0;
    throw new Error("it holds no amount");
  }
  const isPointDecimal = text.lastIndexOf(".") > text.lastIndexOf(",");
  const trimmed = withoutSeparatorsBehind(found).replaceAll("'", "");
  // Of several points the one in front parts nothing.
  const whole = trimmed.split(".").length === 2 ? trimmed : trimmed.replace(/^\./, "");
  const digits = withoutSeparatorsBehind(whole.replace(/\s+/g, ""));
  const plainDigits = isPointDecimal ? digits.replaceAll(",", "") : digits.replaceAll(".", "").replaceAll(",", ".");
  if (!/^(?:\d+(?:\.\d+)?|\.\d+)$/.test(plainDigits)) throw new Error("it holds no amount");
  return Number(plainDigits);
}

function withoutSeparatorsBehind(text: string): string {
  return text.replace(/(?<![.,])[.,]+$/, "");
}

export const monthType = valueType<string>({
  name: "Month",
  read: (value, context) => {
    const given = plain(value, "month", context);
    if (typeof given === "number" || typeof given === "boolean") return monthName(Number(given));
    const text = printed(given).trim();
    return monthName(/^[-+]?\d+$/.test(text) ? Number(text) : monthOf(text));
  },
});

const months = "January February March April May June July August September October November December".split(" ");

function monthName(number: number): string {
  const name = months[number - 1];
  if (name === undefined) throw new Error(`there is no month ${number}`);
  return name;
}

/** Equal within three minutes or a tenth of the longer one: maps do not agree more closely. */
export const durationType = valueType<number>({
  name: "Duration",
  read: (value, context) => {
    const text = printed(plain(value, "duration", context));
    if (floatOf(text.trim()) !== null) throw new Error("a duration needs a unit");
    return secondsOf(text.replace(/(\d+):(\d+)\s*hours?/g, "$1h$2m"));
  },
  equal: (task, other) => near(task, other, (longer) => Math.max(180, longer * 0.1)),
  print: (seconds) => `${seconds} s`,
});

const metres = new Map(
  [
    [1, "m meter meters metre metres"],
    [1_000, "km kilometer kilometers kilometre kilometres"],
    [1_609.344, "mi mile miles"],
    [0.3048, "ft foot feet"],
    [0.9144, "yd yard yards"],
    [1_852, "nmi"],
    [100, "hm hectometer hectometers hectometre hectometres"],
    [0.1, "dm decimeter decimeters decimetre decimetres"],
    [0.01, "cm centimeter centimeters centimetre centimetres"],
    [0.001, "mm millimeter millimeters millimetre millimetres"],
    [0.0254, "in inch inches"],
  ].flatMap(([size, names]) =>
    String(names)
      .split(" ")
      .map((name) => [name, Number(size)] as const),
  ),
);

/** Equal within ten metres or a fiftieth of the longer one. */
export const distanceType = valueType<number>({
  name: "Distance",
  read: (value, context) => {
    const text = printed(plain(value, "distance", context)).replace(/(\d+(?:\.\d+)?)\s*k(?=\s|$)/gi, "$1 km");
    const parsed = /^([-+]?(?:\d[\d,]*\.?\d*|\.\d+)(?:e[-+]?\d+)?)\s*\*?\s*([a-z]+)\.?$/.exec(text.trim());
    const unit = metres.get(parsed?.[2] ?? "");
    if (parsed === null || unit === undefined) throw new Error("it is no number with a unit of length");
    return Number((parsed[1] ?? "").replaceAll(",", "")) * unit;
  },
  equal: (task, other) => near(task, other, (longer) => Math.max(10, longer * 0.02)),
});

function near(task: readonly number[], other: readonly number[], tolerance: (longer: number) => number): boolean {
  return task.some((one) => other.some((two) => exact(Math.abs(one - two)) <= exact(tolerance(Math.max(one, two)))));
}
