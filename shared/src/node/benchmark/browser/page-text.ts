// What a policy sees of a browser: the goal where the world states one, the tabs, the tree, cut to what may be shown.
export interface PageText {
  text: string;
  /** Bytes of the tree that `text` does not show. */
  omittedBytes: number;
  /** Lines of the tree that it shows. */
  linesShown: number;
}

export interface PageTextOptions {
  /** Null where the task's instruction says it all. */
  goal: string | null;
  tabs: readonly { title: string; isCurrent: boolean }[];
  lines: readonly string[];
  tokensMax: number;
  bytesMax: number;
}

/** A title in the tabs line, in characters. */
const titleCharsMax = 100;
const goalCharsMax = 4_000;

/** `Tab 0 (current): T | Tab 1: U`, an empty line, then as many whole lines of the tree as fit, and a mark for the rest. */
export function pageText({ goal, tabs, lines, tokensMax, bytesMax }: PageTextOptions): PageText {
  const head = [...(goal === null ? [] : [`Goal: ${shortened(goal, goalCharsMax)}`]), tabsLine(tabs), "", ""].join(
    "\n",
  );
  const markBytes = 80;
  const room = Math.min(bytesMax, tokensMax * 4) - Buffer.byteLength(head);
  const sizes = lines.map((line) => Buffer.byteLength(line) + 1);
  const total = sizes.reduce((sum, size) => sum + size, 0);
  if (total <= room) return { text: head + lines.join("\n"), omittedBytes: 0, linesShown: lines.length };
  let used = 0;
  let shown = 0;
  while (shown < lines.length && used + (sizes[shown] ?? 0) <= room - markBytes) {
    used += sizes[shown] ?? 0;
    shown += 1;
  }
  const part = firstBytes(lines[shown] ?? "", room - markBytes - used);
  const omittedBytes = total - used - Buffer.byteLength(part);
  const mark = `[... ${lines.length - shown} more lines, ${omittedBytes} bytes omitted ...]`;
  const kept = [...lines.slice(0, shown), ...(part === "" ? [] : [part])].join("\n");
  return { text: `${head}${kept}\n${mark}`, omittedBytes, linesShown: shown };
}

/** The longest start of `text` that fits and splits no character. */
function firstBytes(text: string, bytesMax: number): string {
  if (bytesMax <= 0) return "";
  const bytes = Buffer.from(text).subarray(0, bytesMax);
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes, { stream: true });
}

export function tabsLine(tabs: PageTextOptions["tabs"]): string {
  return tabs
    .map(
      ({ title, isCurrent }, index) =>
        `Tab ${index}${isCurrent ? " (current)" : ""}: ${shortened(title, titleCharsMax)}`,
    )
    .join(" | ");
}

function shortened(text: string, charsMax: number): string {
  const line = text.replaceAll(/\s+/g, " ").trim();
  return line.length > charsMax ? `${line.slice(0, charsMax)}…` : line;
}
