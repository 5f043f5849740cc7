// Numbers as people read them, in one way everywhere. Not the machine's locale: output is compared, pasted and grepped.

/** `1234567` → `1,234,567`. */
export function formatCount(count: number): string {
  return Math.round(count)
    .toString()
    .replaceAll(/\B(?=(?:\d{3})+$)/g, ",");
}

/** `1 task`, `1,234 tasks`. */
export function formatCountOf(count: number, one: string, many = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

/** `850 ms`, `12.3 s`, `4 min 05 s`, `1 h 02 min`. */
export function formatDuration(milliseconds: number): string {
  if (milliseconds < 999.5) return `${Math.round(milliseconds)} ms`;
  if (milliseconds < 59_950) return `${(milliseconds / 1_000).toFixed(1)} s`;
  const seconds = Math.round(milliseconds / 1_000);
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  return `${formatCount(Math.floor(minutes / 60))} h ${twoDigits(minutes % 60)} min`;
}

/** `512 B`, `1.5 KiB`, `20.0 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["B", "KiB", "MiB", "GiB", "TiB"];
  let value = bytes;
  let unit = 0;
  while (value >= 1_023.95 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
}

/** `$0.00` only for nothing; what is less than a cent keeps two digits that say something. Null is `unknown`, never 0. */
export function formatUsd(dollars: number | null): string {
  if (dollars === null) return "unknown";
  if (dollars === 0) return "$0.00";
  if (dollars < 0.01) return `$${dollars.toFixed(Math.min(8, 1 - Math.floor(Math.log10(dollars))))}`;
  const cents = Math.round(dollars * 100);
  return `$${formatCount(Math.floor(cents / 100))}.${twoDigits(cents % 100)}`;
}

/** `0.1234` → `12.3 %`; null is `unknown`. */
export function formatPercent(fraction: number | null): string {
  return fraction === null ? "unknown" : `${(fraction * 100).toFixed(1)} %`;
}

/** A difference of two shares in percentage points, always with its sign: `+12.0`, `-3.5`, `0.0`. */
export function formatPoints(fraction: number): string {
  const points = (fraction * 100).toFixed(1);
  if (Number(points) === 0) return "0.0";
  return fraction > 0 ? `+${points}` : points;
}

/** `12.3/s`; small rates keep a digit that says something. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 100) return `${formatCount(perSecond)}/s`;
  return `${perSecond.toFixed(perSecond >= 1 || perSecond === 0 ? 1 : 3)}/s`;
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
