import type { Pen } from "./style.ts";

/** `value` of `max` as a bar of at most `cells` columns; what is more than nothing is never shown as nothing. */
export function bar(value: number, max: number, cells: number, { glyphs }: Pen): string {
  if (value <= 0 || max <= 0) return "";
  const steps = glyphs.fill.length;
  const filled = Math.min(cells * steps, Math.max(1, Math.round((value / max) * cells * steps)));
  const full = (glyphs.fill.at(-1) ?? "").repeat(Math.floor(filled / steps));
  const rest = filled % steps;
  return rest === 0 ? full : full + (glyphs.fill[rest - 1] ?? "");
}

/** A share with its interval on a scale from 0 to 1: `··├──●────┤····`. */
export function intervalPlot(
  rate: number,
  [low, high]: readonly [number, number],
  cells: number,
  { glyphs }: Pen,
): string {
  const cell = (share: number): number => Math.min(cells - 1, Math.max(0, Math.round(share * (cells - 1))));
  return Array.from({ length: cells }, (_, index) => {
    if (index === cell(rate)) return glyphs.point;
    if (index === cell(low)) return glyphs.whiskerLeft;
    if (index === cell(high)) return glyphs.whiskerRight;
    return index > cell(low) && index < cell(high) ? glyphs.rule : " ";
  }).join("");
}
