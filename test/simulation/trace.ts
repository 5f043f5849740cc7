// What happened, in order: hashed always, so that two runs can be told apart, and written out when somebody looks.
import { createHash } from "node:crypto";
import { type Message } from "./server/wire.ts";

export class Trace {
  readonly lines: string[] = [];
  readonly #hash = createHash("sha256");
  readonly #elapsedMs: () => number;
  readonly #isKept: boolean;

  constructor(elapsedMs: () => number, isKept: boolean) {
    this.#elapsedMs = elapsedMs;
    this.#isKept = isKept;
  }

  note(text: string): void {
    this.#add(withoutRandomNames(text));
  }

  message(from: string, { subject, data }: Message): void {
    this.#add(`${from} -> ${withoutRandomNames(subject)} ${data.length}`);
  }

  get digest(): string {
    return this.#hash.copy().digest("hex").slice(0, 16);
  }

  #add(text: string): void {
    const line = `${(this.#elapsedMs() / 1_000).toFixed(4).padStart(10)} ${text}`;
    this.#hash.update(line);
    if (this.#isKept) this.lines.push(line);
  }
}

/** Reply subjects and such hold names from the client library's own generator, which outlives a run. */
const withoutRandomNames = (text: string): string => text.replaceAll(/_INBOX_([^.\s]+)\.[\w.]+/g, "_INBOX_$1");
