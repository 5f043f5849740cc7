import type { Progress } from "@hindcast/shared";
import { formatCount } from "./format.ts";
import { penFor, type Pen, type Style } from "./style.ts";
import { bar } from "./bars.ts";
import { cut, pad, printableLine } from "./text-width.ts";

/** Where progress is shown; a terminal that keeps one live line below what it prints. */
export interface ProgressSink {
  /** Replaces the live line; an empty text removes it. */
  status(text: string): void;
  /** Prints a line for good. */
  line(text: string): void;
}

export interface ProgressOptions extends Style {
  /** One live line; otherwise plain lines, now and then. */
  isLive: boolean;
  /** Monotonic milliseconds. @default performance.now */
  now?: () => number;
}

/** Without a live line, a stage that is under way prints at most this often. */
const lineEveryMs = 10_000;
const barCells = 8;

/** The stages of a campaign in order; all of them may be under way at once, for work streams through. */
const stages: readonly Progress["stage"][] = [
  "self-instruct",
  "rollout",
  "backward-construction",
  "committee",
  "replay",
  "index",
  "evaluation",
];

/** Progress messages of one campaign as one live line, or as plain lines where there is no terminal. */
export class ProgressView {
  readonly #sink: ProgressSink;
  readonly #isLive: boolean;
  readonly #now: () => number;
  readonly #pen: Pen;
  readonly #latest = new Map<Progress["stage"], Progress>();
  readonly #printedAt = new Map<Progress["stage"], number>();
  #newest: Progress | null = null;

  constructor(sink: ProgressSink, options: ProgressOptions) {
    this.#sink = sink;
    this.#isLive = options.isLive;
    this.#now = options.now ?? (() => performance.now());
    this.#pen = penFor(options);
  }

  /** Messages may be lost or come late: a count never goes back. */
  update(progress: Progress): void {
    if (progress.stage === "waiting") return this.#say(progress.note);
    const before = this.#latest.get(progress.stage);
    if (before !== undefined && progress.done < before.done) return;
    this.#latest.set(progress.stage, progress);
    this.#newest = progress;
    if (this.#isLive) this.#sink.status(this.#liveLine());
    else this.#printNowAndThen(progress, before);
  }

  /** Leaves the last counts as a plain line. */
  finish(): void {
    if (!this.#isLive) return;
    this.#sink.status("");
    if (this.#latest.size > 0) this.#sink.line(this.#fit(this.#counts(false)));
  }

  /** What holds everything up is printed for good, but not again and again. */
  #say(note: string): void {
    const now = this.#now();
    if (now - (this.#printedAt.get("waiting") ?? -Infinity) < lineEveryMs) return;
    this.#printedAt.set("waiting", now);
    this.#sink.line(printableLine(note));
  }

  #liveLine(): string {
    const note = printableLine(this.#newest?.note ?? "");
    const counts = this.#counts(true);
    return this.#fit(note === "" ? counts : `${counts} ${this.#pen.glyphs.dash} ${note}`);
  }

  /** `rollout 8/36`, stage by stage; a bar for the stage that the newest message is about. */
  #counts(hasBar: boolean): string {
    const parts = stages.flatMap((stage) => {
      const progress = this.#latest.get(stage);
      if (progress === undefined) return [];
      const text = countText(progress);
      return hasBar && stage === this.#newest?.stage ? [`${text} ${this.#bar(progress)}`] : [text];
    });
    return parts.join(` ${this.#pen.glyphs.dot} `);
  }

  #bar({ done, total }: Progress): string {
    return pad(bar(done, Math.max(done, total), barCells, this.#pen), barCells).replaceAll(" ", this.#pen.glyphs.track);
  }

  #printNowAndThen(progress: Progress, before: Progress | undefined): void {
    const { stage, done, total } = progress;
    const now = this.#now();
    const isComplete = done >= total && done !== before?.done;
    const isDue = now - (this.#printedAt.get(stage) ?? -Infinity) >= lineEveryMs;
    if (stage === "finished" || (!isComplete && !isDue)) return;
    this.#printedAt.set(stage, now);
    const note = printableLine(progress.note);
    this.#sink.line(
      this.#fit(note === "" ? countText(progress) : `${countText(progress)} ${this.#pen.glyphs.dash} ${note}`),
    );
  }

  #fit(text: string): string {
    return cut(text, this.#pen.width - 1, this.#pen.glyphs.ellipsis);
  }
}

function countText({ stage, done, total }: Progress): string {
  return `${stage} ${formatCount(done)}/${formatCount(total)}`;
}
