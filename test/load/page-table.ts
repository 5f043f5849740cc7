// A benchmark's table on the page that shows it, between the marks that name it.
import { readFileSync, writeFileSync } from "node:fs";

export type Cells = readonly (readonly string[])[];

/** Columns as wide as they need; the first is text, numbers stand to the right. */
export function textTable(rows: Cells): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const padded = (cell: string, column: number): string =>
    /^[\d.,–]*$/.test(cell) ? cell.padStart(widths[column] ?? 0) : cell.padEnd(widths[column] ?? 0);
  return rows.map((row) => row.map(padded).join("  ").trimEnd()).join("\n");
}

/** @throws Error where the page has no marks `<!-- name -->` and `<!-- /name -->` */
export function writeIntoPage(page: URL, name: string, { heading, rows }: { heading: string; rows: Cells }): void {
  const text = readFileSync(page, "utf8");
  const [begin, end] = [`<!-- ${name} -->`, `<!-- /${name} -->`];
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${page.pathname} has no marks ${begin} and ${end}`);
  const [head = [], ...body] = rows;
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |`;
  const table = [line(head), line(head.map(() => "---")), ...body.map(line)].join("\n");
  writeFileSync(page, `${text.slice(0, from + begin.length)}\n\n${heading}\n\n${table}\n\n${text.slice(to)}`);
}
