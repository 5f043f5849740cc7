// Markdown without the differences that no reader sees: line ends, blank lines, list markers, spaces in headers and links.
// Scanned by hand where a pattern would take more than linear time, because the text is what an agent wrote.

export function plainMarkdown(text: string): string {
  const lines = text
    .trim()
    .replace(/\r\n?/g, "\n")
    .split("\n")
    .map((line) => withoutEnd(line, " \t"))
    .join("\n")
    .replace(/\n{3,}/g, "\n\n")
    .replace(/^(\s*)(#{1,6})[ \t]+/gm, "$1$2 ")
    .replace(/^(\s*)[*+][ \t]+/gm, "$1- ")
    .replace(/^[ \t]+(-)/gm, "  $1");
  return tightTargets(tightLinkTexts(joinedLinks(lines))).trim();
}

function withoutEnd(text: string, characters: string): string {
  let end = text.length;
  while (end > 0 && characters.includes(text[end - 1] ?? "")) end -= 1;
  return text.slice(0, end);
}

/** A link whose text goes on in the next line: `[a⏎ b](c)` is `[a b](c)`. */
function joinedLinks(text: string): string {
  return replaced(text, "[", "]", (inner, after) => {
    const at = inner.indexOf("\n");
    const isLink = at !== -1 && /^\([^)]/.test(after(2)) && after(Infinity).includes(")");
    return isLink ? `${inner.slice(0, at)} ${inner.slice(at + 1).trimStart()}` : null;
  });
}

function tightLinkTexts(text: string): string {
  return replaced(text, "[", "]", (inner) => (inner === "" ? null : inner.split(/\s+/).filter(Boolean).join(" ")));
}

function tightTargets(text: string): string {
  return replaced(text, "(", ")", (inner) =>
    inner === "" ? null : inner.trim() === "" ? inner.slice(-1) : inner.trim(),
  );
}

/** Replaces what stands between an opening mark and the next closing one; null leaves it. */
function replaced(
  text: string,
  open: string,
  close: string,
  replace: (inner: string, after: (length: number) => string) => string | null,
): string {
  const parts: string[] = [];
  let from = 0;
  for (;;) {
    const start = text.indexOf(open, from);
    const end = start === -1 ? -1 : text.indexOf(close, start);
    if (end === -1) break;
    const inner = replace(text.slice(start + 1, end), (length) => text.slice(end + 1, end + 1 + length));
    parts.push(text.slice(from, start + 1), inner ?? text.slice(start + 1, end), close);
    from = end + 1;
  }
  return [...parts, text.slice(from)].join("");
}
