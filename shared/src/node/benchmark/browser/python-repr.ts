// Python's `repr` and `str` of what accessibility trees hold: the observation format of WebArena is defined by them.

/** Of text: single quotes, or double ones where the text holds a single quote and no double one. */
export function pythonRepr(text: string): string {
  const quote = text.includes("'") && !text.includes('"') ? '"' : "'";
  let written = "";
  for (const char of text) {
    if (char === quote || char === "\\") written += `\\${char}`;
    else if (char === "\n") written += String.raw`\n`;
    else if (char === "\r") written += String.raw`\r`;
    else if (char === "\t") written += String.raw`\t`;
    else written += isPrintable(char) ? char : escapeOf(char);
  }
  return `${quote}${written}${quote}`;
}

/** Of a property's value, as an f-string shows it. */
export function pythonText(value: unknown): string {
  if (value === true) return "True";
  if (value === false) return "False";
  if (value === null || value === undefined) return "None";
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** Of a property's value within a line that quotes text. */
export function pythonLiteral(value: unknown): string {
  return typeof value === "string" ? pythonRepr(value) : pythonText(value);
}

function isPrintable(char: string): boolean {
  return char === " " || !/[\p{C}\p{Z}]/u.test(char);
}

function escapeOf(char: string): string {
  const code = (char.codePointAt(0) ?? 0).toString(16);
  if (code.length <= 2) return `\\x${code.padStart(2, "0")}`;
  return code.length <= 4 ? `\\u${code.padStart(4, "0")}` : `\\U${code.padStart(8, "0")}`;
}
