// Text as Python sees it. The logs are judged by rules that were written in Python, whose white space is not that of
// JavaScript: `\s` there takes U+001C to U+001F and U+0085, and does not take U+FEFF.

/** White space of `str.split`, `str.strip` and `\s`, for use inside a character class. */
export const whitespaceClass: string =
  "\\t-\\r\\x1c-\\x20\\x85\\xa0\\u1680\\u2000-\\u200a\\u2028\\u2029\\u202f\\u205f\\u3000";

const whitespace = new RegExp(`[${whitespaceClass}]`);
const words = new RegExp(`[^${whitespaceClass}]+`, "g");

export function isWhitespace(character: string | undefined): boolean {
  return character !== undefined && character !== "" && whitespace.test(character);
}

/** `text.split()` */
export function splitWords(text: string): string[] {
  return text.match(words) ?? [];
}

/** `text.lstrip()` */
export function stripStart(text: string): string {
  let start = 0;
  while (start < text.length && isWhitespace(text[start])) start += 1;
  return text.slice(start);
}

/** `text.strip()` */
export function strip(text: string): string {
  let end = text.length;
  while (end > 0 && isWhitespace(text[end - 1])) end -= 1;
  return stripStart(text.slice(0, end));
}

/** What reading a file as text makes of its line ends. */
export function universalNewlines(text: string): string {
  return text.replaceAll("\r\n", "\n").replaceAll("\r", "\n");
}
