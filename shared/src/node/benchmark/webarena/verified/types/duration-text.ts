// `2h32m`, `5 hours, 34 minutes`, `1.2 days`, `4:13`, `1:02:03`: how long something takes, in seconds.

const units: readonly (readonly [pattern: string, seconds: number])[] = [
  ["(?:ys?|yrs?\\.?|years?)", 31_536_000],
  ["(?:mos?\\.?|mths?\\.?|months?)", 2_592_000],
  ["(?:w|wks?|weeks?)", 604_800],
  ["(?:d|dys?|days?)", 86_400],
  ["(?:h|hrs?|hours?)", 3_600],
  ["(?:m|mins?|minutes?)", 60],
  ["(?:s|secs?|seconds?)", 1],
  ["(?:ms|msecs?|millis|milliseconds?)", 0.001],
];

const amount = "(\\d+(?:\\.\\d*)?|\\.\\d+)";
/** Units in falling order, each at most once, with commas or slashes between. */
const counted = new RegExp(
  `^${units.map(([unit]) => `(?:${amount}\\s*${unit}(?![a-z])\\s*(?:[,/]\\s*)?)?`).join("")}$`,
);

/** Longer texts name no duration, and the pattern need not be tried on them. */
const charactersMax = 200;

/** @throws Error where the text names no duration */
export function secondsOf(given: string): number {
  const signed = /^\s*([-+]?)\s*(.*?)\s*$/s.exec(given.slice(0, charactersMax + 1));
  const text = (signed?.[2] ?? "").toLowerCase();
  const seconds = given.length > charactersMax || text === "" ? null : (countedSeconds(text) ?? clockSeconds(text));
  if (seconds === null) throw new Error("it names no duration");
  return signed?.[1] === "-" ? -seconds : seconds;
}

function countedSeconds(text: string): number | null {
  const parts = counted.exec(text);
  if (parts === null) return null;
  return units.reduce((sum, [, seconds], index) => sum + Number(parts[index + 1] ?? 0) * seconds, 0);
}

/** `4:13` is minutes and seconds, `1:02:03` begins with hours, `2:1:02:03` with days, `:13` has seconds only. */
function clockSeconds(text: string): number | null {
  const clock = /^(?:(?:(?:(\d+):)?(\d+):)?(\d{1,2}))?:(\d{2}(?:\.\d+)?)$/.exec(text);
  if (clock === null) return null;
  const [days, hours, minutes, seconds] = clock.slice(1).map((part) => Number(part ?? 0));
  return (days ?? 0) * 86_400 + (hours ?? 0) * 3_600 + (minutes ?? 0) * 60 + (seconds ?? 0);
}
