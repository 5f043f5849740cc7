// How wide a text is on a terminal, and how to cut and wrap it there. Much of what is shown comes out of sandboxes:
// `printable` takes away whatever could move the cursor, recolour the screen or reverse the reading order.
import { stripVTControlCharacters } from "node:util";

const graphemes = new Intl.Segmenter("en", { granularity: "grapheme" });
const printableAscii = /^[\x20-\x7E]*$/;
const zeroWidth = /^[\p{Mark}\p{Format}\p{Control}]+$/u;
/** Emoji and the wide and full-width ranges of Unicode's East Asian Width. */
const wide =
  /\p{Emoji_Presentation}|\uFE0F|[\u1100-\u115F\u2E80-\u303E\u3041-\uA4CF\uA960-\uA97F\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{17000}-\u{18DFF}\u{1B000}-\u{1B2FF}\u{1F200}-\u{1F64F}\u{1F900}-\u{1F9FF}\u{20000}-\u{3FFFD}]/u;

/** Foreign text without escape sequences; other control and direction characters become U+FFFD, tabs four spaces. */
export function printable(text: string): string {
  return stripVTControlCharacters(text.toWellFormed().replaceAll(/\r\n?/g, "\n"))
    .replaceAll("\t", "    ")
    .replaceAll(/[\u202A-\u202E\u2066-\u2069]|(?!\n)\p{Control}/gu, "\uFFFD");
}

/** The same on one line. */
export function printableLine(text: string): string {
  return printable(text).replaceAll(/\s+/g, " ").trim();
}

/** Columns that a line takes; colour codes take none. */
export function displayWidth(text: string): number {
  if (printableAscii.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) width += graphemeWidth(segment);
  return width;
}

/** The text, or its head and `mark` where it is wider than `width`; a text that is cut loses its colour. */
export function cut(text: string, width: number, mark: string): string {
  if (displayWidth(text) <= width) return text;
  const room = width - displayWidth(mark);
  return room < 0 ? head(text, width) : head(text, room) + mark;
}

/** Lines of at most `width` columns, broken at spaces, and inside words that are wider than a line. */
export function wrap(text: string, width: number): string[] {
  return text.split("\n").flatMap((line) => wrapLine(line, Math.max(1, width)));
}

/** Padded with spaces to `width` columns. */
export function pad(text: string, width: number, align: "left" | "right" = "left"): string {
  const spaces = " ".repeat(Math.max(0, width - displayWidth(text)));
  return align === "left" ? text + spaces : spaces + text;
}

function wrapLine(line: string, width: number): string[] {
  const lines: string[] = [];
  let current = "";
  for (const word of line.split(" ")) {
    const joined = current === "" ? word : `${current} ${word}`;
    if (displayWidth(joined) <= width) {
      current = joined;
      continue;
    }
    if (current !== "") lines.push(current);
    let rest = word;
    while (displayWidth(rest) > width) {
      // At least one character a line, or a wide one in a narrow column would never end.
      const piece = head(rest, width) || firstGrapheme(rest);
      lines.push(piece);
      rest = rest.slice(piece.length);
    }
    current = rest;
  }
  return current === "" && lines.length > 0 ? lines : [...lines, current];
}

/** The longest beginning that fits, without colour. */
function head(text: string, width: number): string {
  let taken = "";
  let used = 0;
  for (const { segment } of graphemes.segment(stripVTControlCharacters(text))) {
    used += graphemeWidth(segment);
    if (used > width) break;
    taken += segment;
  }
  return taken;
}

function firstGrapheme(text: string): string {
  const [first] = graphemes.segment(text);
  return first?.segment ?? text;
}

function graphemeWidth(grapheme: string): number {
  if (zeroWidth.test(grapheme)) return 0;
  return wide.test(grapheme) ? 2 : 1;
}
