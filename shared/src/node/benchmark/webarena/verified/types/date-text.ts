// Dates as people write them, read as Python's dateutil reads them, month before day: `jan 15, 2024`, `15 january 2024`,
// `2024-01-15T10:00:00`, `1/15/24`. The day of the week and the time of day are read and dropped. Where dateutil would
// take the missing year, month or day from today, nothing is read: a verdict must not depend on the day it is reached.

const months = new Map(
  "january february march april may june july august september october november december"
    .split(" ")
    .flatMap((name, index): [string, number][] => [
      [name, index + 1],
      [name.slice(0, 3), index + 1],
      ...(name === "september" ? ([["sept", 9]] as [string, number][]) : []),
    ]),
);
const weekdays = new Set(
  "monday tuesday wednesday thursday friday saturday sunday".split(" ").flatMap((name) => [name, name.slice(0, 3)]),
);
/** Words and signs that mean nothing in a date. */
const fillers = new Set([
  " ",
  ".",
  ",",
  ";",
  "-",
  "/",
  "'",
  "at",
  "on",
  "and",
  "ad",
  "m",
  "t",
  "of",
  "st",
  "nd",
  "rd",
  "th",
]);

/** Longer texts hold no date that anybody meant. */
const charactersMax = 100;

interface Part {
  value: number;
  /** Written out, or too large for a day: known to be this. */
  is: "year" | "month" | null;
}

/** `YYYY-MM-DD`. @throws Error where the text is no full date */
export function dateOf(text: string): string {
  const { year, month, day } = resolved(partsOf(text));
  if (year === null || month === null || day === null) throw new Error("it is no full date");
  return isoDate(year, month, day);
}

/** 1 to 12. @throws Error where the text names no month */
export function monthOf(text: string): number {
  const { month } = resolved(partsOf(text));
  if (month === null || month < 1 || month > 12) throw new Error("it names no month");
  return month;
}

function isoDate(year: number, month: number, day: number): string {
  const date = new Date(Date.UTC(2000, 0, 1));
  date.setUTCFullYear(year, month - 1, day);
  const isReal = date.getUTCFullYear() === year && date.getUTCMonth() === month - 1 && date.getUTCDate() === day;
  if (!isReal || year < 1 || year > 9_999) throw new Error("there is no such day");
  return date.toISOString().slice(0, 10);
}

/** The numbers and names of a date in their order, without time of day and weekday. */
function partsOf(text: string): Part[] {
  if (text.length > charactersMax) throw new Error("it is too long for a date");
  const tokens = tokensOf(withoutTime(text.trim().toLowerCase()));
  const parts: Part[] = [];
  for (const token of tokens) {
    const month = months.get(token);
    if (month !== undefined) parts.push({ value: month, is: "month" });
    else if (/^\d{8}$/.test(token)) parts.push(...compact(token, 4));
    else if (/^\d{6}$/.test(token)) parts.push(...compact(token, 2));
    else if (/^\d{1,4}$/.test(token)) parts.push({ value: Number(token), is: token.length > 2 ? "year" : null });
    else if (!weekdays.has(token) && !fillers.has(token)) throw new Error(`"${token}" is no part of a date`);
  }
  return parts.map((part) => (part.is === "year" || part.value < 100 ? part : { ...part, is: "year" }));
}

/** A time of day with its zone, e.g. `10:00`, `t10:00:00.5z`, `3 pm`, `10:00 +01:00`, `t100000` behind eight digits. */
function withoutTime(text: string): string {
  return text
    .replace(/(?<=^\d{8})t\d{4}(?:\d{2}(?:\.\d+)?)?(?:z|[+-]\d{2}:?\d{2})?$/, "")
    .replace(
      /(?:^|(?<=[\s\d])t|(?<=\s))\d{1,2}:\d{2}(?::\d{2}(?:[.,]\d+)?)?\s*(?:[ap]\.?m\.?\b)?\s*(?:z\b|utc\b|[+-]\d{2}:?\d{2})?/,
      " ",
    )
    .replace(/(?<=^|\s)\d{1,2}\s*[ap]m\b/, " ");
}

function tokensOf(text: string): string[] {
  return (text.match(/\d+|[a-z]+|\S|\s/g) ?? []).map((token) => (/\s/.test(token) ? " " : token));
}

function compact(digits: string, yearDigits: number): Part[] {
  const monthAt = yearDigits;
  const slices = [digits.slice(0, yearDigits), digits.slice(monthAt, monthAt + 2), digits.slice(monthAt + 2)];
  return slices.map((slice, index) => ({ value: Number(slice), is: index === 0 && yearDigits === 4 ? "year" : null }));
}

interface Resolved {
  year: number | null;
  month: number | null;
  day: number | null;
}

/** Which part is which, by what is known of them and by their order. */
function resolved(parts: readonly Part[]): Resolved {
  if (parts.length > 3) throw new Error("it has more parts than a date");
  const [a, b, c] = parts.map(({ value }) => value);
  const monthAt = parts.findIndex(({ is }) => is === "month");
  const none = { year: null, month: null, day: null };
  if (a === undefined) return none;
  if (c !== undefined && b !== undefined) return withCentury(parts, three([a, b, c], monthAt, parts));
  if (monthAt === -1) {
    if (b === undefined) return withCentury(parts, a > 31 ? { ...none, year: a } : { ...none, day: a });
    if (a > 31) return withCentury(parts, { ...none, year: a, month: b });
    return withCentury(parts, b > 31 ? { ...none, month: a, year: b } : { ...none, month: a, day: b });
  }
  const month = parts[monthAt]?.value ?? null;
  const other = parts.length === 2 ? (monthAt === 0 ? b : a) : undefined;
  if (other === undefined) return { ...none, month };
  return withCentury(parts, other > 31 ? { ...none, month, year: other } : { ...none, month, day: other });
}

function three([a, b, c]: [number, number, number], monthAt: number, parts: readonly Part[]): Resolved {
  const yearAt = parts.findIndex(({ is }) => is === "year");
  if (monthAt !== -1 && yearAt !== -1 && yearAt !== monthAt) {
    const day = [a, b, c].find((_, index) => index !== monthAt && index !== yearAt) ?? null;
    return { year: [a, b, c][yearAt] ?? null, month: [a, b, c][monthAt] ?? null, day };
  }
  switch (monthAt) {
    case 0:
      return b > 31 ? { month: a, year: b, day: c } : { month: a, day: b, year: c };
    case 1:
      return a > 31 ? { year: a, month: b, day: c } : { day: a, month: b, year: c };
    case 2:
      return b > 31 ? { day: a, year: b, month: c } : { year: a, day: b, month: c };
    default:
      if (a > 31 || yearAt === 0) return { year: a, month: b, day: c };
      return a > 12 ? { day: a, month: b, year: c } : { month: a, day: b, year: c };
  }
}

/** Two digits are the year within half a century of this one, as dateutil reads them; that rule alone knows the date. */
function withCentury(parts: readonly Part[], date: Resolved): Resolved {
  const { year } = date;
  if (year === null || year >= 100 || parts.some(({ is, value }) => is === "year" && value === year)) return date;
  const now = new Date().getUTCFullYear();
  const inThisCentury = year + Math.floor(now / 100) * 100;
  if (inThisCentury >= now + 50) return { ...date, year: inThisCentury - 100 };
  return { ...date, year: inThisCentury < now - 50 ? inThisCentury + 100 : inThisCentury };
}
