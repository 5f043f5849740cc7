import { whitespaceClass } from "../python-text.ts";

const duration = new RegExp(`[${whitespaceClass}]\\(\\p{Nd}+[${whitespaceClass}]*m?s\\)$`, "u");

/** `name (12 ms)` without its end; a name is never empty. */
export function withoutDuration(text: string): string {
  const end = text.slice(1).search(duration);
  return end === -1 ? text : text.slice(0, end + 1);
}
