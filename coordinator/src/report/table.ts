import type { Pen } from "./style.ts";
import { cut, displayWidth, pad, wrap } from "./text-width.ts";

export interface Column {
  header: string;
  /** @default "left" */
  align?: "left" | "right";
  /** Gives way first when the line is too narrow, and wraps instead of being cut. @default false */
  isFlexible?: boolean;
}

export interface Table {
  title?: string;
  columns: readonly Column[];
  /** Cells may carry colour codes and must be printable (see `printableLine`). */
  rows: readonly (readonly string[])[];
  /** Below a rule: sums. */
  footer?: readonly (readonly string[])[];
}

const gap = "  ";
/** A flexible column gives way down to this many columns before the others are cut. */
const flexibleWidthMin = 12;

/** Aligned columns under headers; no line is wider than the pen. */
export function renderTable({ title, columns, rows, footer = [] }: Table, pen: Pen): string {
  const widths = columnWidths(columns, [columns.map(({ header }) => header), ...rows, ...footer], pen.width);
  const lines = (row: readonly string[]): string[] => rowLines(row, columns, widths, pen);
  const rule = pen.paint.dim(pen.glyphs.rule.repeat(Math.min(pen.width, lineWidth(widths))));
  return [
    ...(title === undefined ? [] : wrap(title, pen.width).map((line) => pen.paint.bold(line))),
    ...(columns.some(({ header }) => header !== "") ? [...lines(columns.map(({ header }) => header)), rule] : []),
    ...rows.flatMap(lines),
    ...(footer.length > 0 ? [rule, ...footer.flatMap(lines)] : []),
  ].join("\n");
}

function columnWidths(columns: readonly Column[], rows: readonly (readonly string[])[], width: number): number[] {
  const widths = columns.map((_, index) => Math.max(1, ...rows.map((row) => displayWidth(row[index] ?? ""))));
  shrink(widths, width, (index) => (columns[index]?.isFlexible === true ? flexibleWidthMin : Infinity));
  shrink(widths, width, () => 1);
  return widths;
}

/** Takes from the widest column that is above its least width, until the line fits or no column is. */
function shrink(widths: number[], lineMax: number, least: (index: number) => number): void {
  while (lineWidth(widths) > lineMax) {
    const candidates = widths.map((width, index) => (width > least(index) ? width : 0));
    const widest = Math.max(...candidates);
    if (widest === 0) return;
    widths[candidates.indexOf(widest)] = widest - 1;
  }
}

function lineWidth(widths: readonly number[]): number {
  return widths.reduce((sum, width) => sum + width, 0) + gap.length * (widths.length - 1);
}

function rowLines(row: readonly string[], columns: readonly Column[], widths: readonly number[], pen: Pen): string[] {
  const cells = columns.map((column, index) => {
    const text = row[index] ?? "";
    const width = widths[index] ?? 0;
    const fits = displayWidth(text) <= width;
    return column.isFlexible === true && !fits ? wrap(text, width) : [cut(text, width, pen.glyphs.ellipsis)];
  });
  const height = Math.max(...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) => {
    const padded = columns.map(({ align }, index) => pad(cells[index]?.[line] ?? "", widths[index] ?? 0, align));
    return cut(padded.join(gap).trimEnd(), pen.width, pen.glyphs.ellipsis);
  });
}
