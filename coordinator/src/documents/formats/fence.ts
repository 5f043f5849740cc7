import { type BlockList, indentOf } from "../block.ts";

const fenceOpening = /^(\s*)(`{3,}|~{3,})(.*)$/;

/** Whether the line opens a fence as in Markdown; "```inline```" does not. */
export function isFenceOpening(line: string): boolean {
  const opening = fenceOpening.exec(line);
  return opening !== null && !(opening[2]?.startsWith("`") === true && opening[3]?.includes("`") === true);
}

/**
 * Reads the fence that opens at `start` and returns the line after it. The fence's own indentation is taken off its
 * lines; one that is never closed runs to the end of the document, as CommonMark has it.
 */
export function readFence(lines: readonly string[], start: number, list: BlockList): number {
  const [, indent = "", marker = "```", info = ""] = fenceOpening.exec(lines[start] ?? "") ?? [];
  const closes = (line: string): boolean => {
    const text = line.trim();
    return text.length >= marker.length && text === (marker[0] ?? "`").repeat(text.length);
  };
  let end = start + 1;
  while (end < lines.length && !closes(lines[end] ?? "")) end += 1;
  const width = indentOf(indent);
  const body = lines
    .slice(start + 1, end)
    .map((line) => line.slice(Math.min(width, line.length - line.trimStart().length)));
  list.fence(info, body.join("\n"));
  return end + 1;
}
