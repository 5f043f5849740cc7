// What commands print. People get lines and one live status line; `--json` gives one JSON object per line on standard
// output and nothing else there.
import { penFor, styleOf, type Pen } from "../report/style.ts";
import { renderTable, type Column } from "../report/table.ts";
import { cut } from "../report/text-width.ts";

export interface TerminalOptions {
  isJson: boolean;
  env: Readonly<Record<string, string | undefined>>;
}

/** A status line is redrawn at most this often. */
const statusEveryMs = 100;

export class Terminal {
  readonly isJson: boolean;
  readonly style: ReturnType<typeof styleOf>;
  readonly pen: Pen;
  #status = "";
  #drawnAt = 0;

  constructor({ isJson, env }: TerminalOptions) {
    this.isJson = isJson;
    this.style = styleOf({ isTty: process.stdout.isTTY, columns: process.stdout.columns, env });
    this.pen = penFor(this.style);
  }

  /** For people; silent in JSON mode. */
  line(text = ""): void {
    if (this.isJson) return;
    this.#erase();
    process.stdout.write(`${text}\n`);
    this.#draw();
  }

  /** For programs; silent otherwise. */
  event(value: object): void {
    if (this.isJson) process.stdout.write(`${JSON.stringify(value)}\n`);
  }

  /** The one result of a command: its JSON, or its text. */
  result(value: object, text: () => string): void {
    if (this.isJson) this.event(value);
    else this.line(text());
  }

  /** For people in both modes: standard error. */
  note(text: string): void {
    this.#erase();
    process.stderr.write(`${text}\n`);
    this.#draw();
  }

  table(columns: readonly Column[], rows: readonly (readonly string[])[], footer: readonly string[][] = []): string {
    return renderTable({ columns, rows, footer }, this.pen);
  }

  /** The live line at the bottom of a terminal; an empty text removes it. Elsewhere nothing is written. */
  status(text: string): void {
    if (this.isJson || !this.style.isLive) return;
    const now = Date.now();
    if (text !== "" && now - this.#drawnAt < statusEveryMs) return;
    this.#erase();
    this.#status = text;
    this.#drawnAt = now;
    this.#draw();
  }

  #erase(): void {
    if (this.#status !== "") process.stdout.write("\r\u001B[2K");
  }

  #draw(): void {
    if (this.#status !== "") process.stdout.write(cut(this.#status, this.pen.width - 1, this.pen.glyphs.ellipsis));
  }
}
