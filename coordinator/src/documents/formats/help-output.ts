import { BlockList, dedent, indentOf, type ParsedDocument } from "../block.ts";

const headingCharactersMax = 80;

/**
 * What a command prints for `--help`: lines at the margin that end in a colon, or are all capitals, head the indented
 * lines below them. Usage lines and examples become fences; tables of options stay text with their own lines.
 */
export function parseHelpOutput(printed: string, title: string): ParsedDocument {
  const list = new BlockList();
  let heading = "";
  let body: string[] = [];
  const flush = (): void => {
    if (/^(?:usage|synopsis|examples?)\b/i.test(heading)) list.fence("", dedent(body));
    else list.text(dedent(body));
    body = [];
  };
  for (const line of printed.split("\n")) {
    const usage = /^usage:\s*(\S.*)$/i.exec(line);
    const isHeading = usage !== null || isHeadingLine(line);
    if (!isHeading && (indentOf(line) > 0 || line.trim() === "" || body.some((earlier) => earlier.trim() !== ""))) {
      body.push(line);
      continue;
    }
    flush();
    if (!isHeading) {
      heading = "";
      body.push(line);
      continue;
    }
    heading = usage === null ? line.trim().replace(/:$/, "") : "Usage";
    list.heading(2, heading);
    if (usage !== null) body.push(usage[1] ?? "");
  }
  flush();
  return { title, blocks: list.blocks };
}

function isHeadingLine(line: string): boolean {
  const text = line.trim();
  if (text === "" || indentOf(line) > 0 || text.length > headingCharactersMax) return false;
  return /^[A-Za-z][^:]*:$/.test(text) || /^[A-Z][A-Z _/-]+$/.test(text);
}
