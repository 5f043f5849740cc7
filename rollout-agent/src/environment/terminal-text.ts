// Bytes that a command printed, as a reader should see them: decoded, without control sequences of terminals, cut with
// a visible mark.

// CSI, then OSC/DCS/SOS/PM/APC strings up to their end or the line's, then two-character escapes; 8-bit forms included.
// No part can fail once it has begun, so the time is linear in the text.
const controlSequences =
  // oxlint-disable-next-line no-control-regex -- control characters are what this removes
  /(?:\u001B\[|\u009B)[0-?]*[ -/]*[@-~]?|(?:\u001B[\]PX^_]|[\u0090\u0098\u009D-\u009F])[^\u0007\u001B\u009C\n]*(?:\u0007|\u001B\\|\u009C)?|\u001B[ -/]*[0-~]?/g;
// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const otherControls = /[\u0000-\u0008\u000B\u000C\u000E-\u001F\u007F-\u009F]/g;
// oxlint-disable-next-line no-control-regex -- control characters are what this shows
const lineControls = /[\u0000-\u001F\u007F-\u009F\u2028\u2029]/g;
/** Bold and underline of printers: a character, a backspace, a character. */
// oxlint-disable-next-line no-control-regex -- control characters are what this removes
const overstrike = /[^\n\u0008]\u0008/g;

export interface TerminalText {
  text: string;
  /** Bytes that `text` does not show. */
  omittedBytes: number;
}

export interface TerminalBytes {
  bytes: Uint8Array;
  /** Where bytes are missing in the middle, and how many; null when nothing is. */
  gap: { at: number; bytes: number } | null;
}

/** UTF-8 with U+FFFD for what is not, at most `bytesMax` bytes beside the mark: the first and the last half. */
export function terminalText({ bytes, gap }: TerminalBytes, bytesMax: number): TerminalText {
  if (gap === null) {
    const whole = plainText(bytes);
    const size = Buffer.byteLength(whole);
    if (size <= bytesMax) return { text: whole, omittedBytes: 0 };
    const head = firstBytes(whole, Math.ceil(bytesMax / 2));
    const tail = lastBytes(whole.slice(head.length), Math.floor(bytesMax / 2));
    return joined(head, tail, size - Buffer.byteLength(head) - Buffer.byteLength(tail));
  }
  const before = plainText(bytes.subarray(0, gap.at));
  const after = plainText(bytes.subarray(gap.at));
  const head = firstBytes(before, Math.ceil(bytesMax / 2));
  const tail = lastBytes(after, Math.floor(bytesMax / 2));
  const cut = Buffer.byteLength(before) + Buffer.byteLength(after) - Buffer.byteLength(head) - Buffer.byteLength(tail);
  return joined(head, tail, gap.bytes + cut);
}

function joined(head: string, tail: string, omittedBytes: number): TerminalText {
  const mark = `[... ${omittedBytes} bytes omitted ...]`;
  return { text: `${head.replace(/\n?$/, "\n")}${mark}\n${tail}`, omittedBytes };
}

/** Text as it would stand on paper: escapes gone, overwritten characters and lines replaced. */
export function plainText(bytes: Uint8Array): string {
  return new TextDecoder("utf-8", { ignoreBOM: true })
    .decode(bytes)
    .replace(controlSequences, "")
    .replace(overstrike, "")
    .split("\n")
    .map(lastWritten)
    .join("\n")
    .replace(otherControls, "");
}

/** A name as one line without controls: whoever names a folder must not write lines of his own into a status. */
export function nameText(name: string): string {
  return name.replace(lineControls, (control) => `\\x${control.charCodeAt(0).toString(16).padStart(2, "0")}`);
}

/** What a carriage return has left of a line: progress bars write the same line again and again. */
function lastWritten(line: string): string {
  if (!line.includes("\r")) return line;
  return line.split("\r").findLast((part) => part !== "") ?? "";
}

/** The longest start of `text` that fits and splits no character. */
function firstBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= bytesMax) return text;
  let end = bytesMax;
  while (end > 0 && isContinuation(bytes[end])) end -= 1;
  return bytes.toString("utf8", 0, end);
}

function lastBytes(text: string, bytesMax: number): string {
  const bytes = Buffer.from(text);
  if (bytes.byteLength <= bytesMax) return text;
  let start = bytes.byteLength - bytesMax;
  while (start < bytes.byteLength && isContinuation(bytes[start])) start += 1;
  return bytes.toString("utf8", start);
}

function isContinuation(byte: number | undefined): boolean {
  return byte !== undefined && (byte & 0xc0) === 0x80;
}
