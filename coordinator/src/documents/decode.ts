const sniffedBytes = 8_192;
/** Above this share of characters that no text contains, bytes without a NUL are still no text. */
const strangeShareMax = 0.3;

type Encoding = "utf-8" | "utf-16le" | "utf-16be";

/**
 * Bytes as text: UTF-8, or UTF-16 where a byte-order mark says so. Invalid sequences become U+FFFD, all line ends
 * become `\n`, and other control characters but the tab are dropped.
 *
 * @throws Error when the bytes are not text.
 */
export function decodeText(bytes: Uint8Array): string {
  return normalised(decode(bytes));
}

/** As `decodeText`, for what a program printed: bold by overstriking (`x\bx`, `_\bx`) and ANSI colours are undone. */
export function decodePrinted(bytes: Uint8Array): string {
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  return normalised(decode(bytes).replace(/[^\n]\u0008|\u001b\[[0-9;]*[A-Za-z]/g, ""));
}

function decode(bytes: Uint8Array): string {
  const encoding = encodingOf(bytes);
  if (encoding === "utf-8" && bytes.subarray(0, sniffedBytes).includes(0)) throw notText("it contains NUL bytes");
  const { text, isReplaced } = replacingDecode(encoding, bytes);
  const head = text.slice(0, sniffedBytes);
  // ESC is exempt: a program's coloured output is text. A U+FFFD that the bytes spell out is a character as any other.
  // oxlint-disable-next-line no-control-regex -- control characters are what is looked for
  const pattern = isReplaced ? /(?![\s\b\u001b])[\p{Cc}\uFFFD]/gu : /(?![\s\b\u001b])\p{Cc}/gu;
  const strange = head.match(pattern)?.length ?? 0;
  if (strange > head.length * strangeShareMax) throw notText("most of its first bytes are no characters");
  return text;
}

/** The text, and whether any U+FFFD in it stands for bytes that are no character. */
function replacingDecode(encoding: Encoding, bytes: Uint8Array): { text: string; isReplaced: boolean } {
  try {
    return { text: new TextDecoder(encoding, { fatal: true }).decode(bytes), isReplaced: false };
  } catch {
    // That the bytes are invalid is the answer.
    return { text: new TextDecoder(encoding).decode(bytes), isReplaced: true };
  }
}

function normalised(text: string): string {
  return text
    .replace(/\r\n?|[\f\v\u0085\u2028\u2029]/g, "\n")
    .replace(/(?![\n\t])\p{Cc}/gu, "")
    .toWellFormed();
}

function encodingOf(bytes: Uint8Array): Encoding {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return "utf-16le";
  if (bytes[0] === 0xfe && bytes[1] === 0xff) return "utf-16be";
  return "utf-8";
}

function notText(why: string): Error {
  return new Error(`is binary (${why}); convert it to one of the supported formats or exclude it`);
}
