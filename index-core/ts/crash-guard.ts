// A demonstration whose application ends the process would end it for ever, because it comes again at every start. So
// what is about to be applied is noted in a file beside the index's folder: what has ended the process several times in
// a row is passed over. Against crashes of the process only, so nothing is flushed to the disk, and the file is written
// in place: to rename one over another waits for the file system's journal, up to tens of milliseconds where somebody
// syncs beside, and a retrieval service would stand still for it several hundred times a second.
import { closeSync, constants, fstatSync, openSync, readFileSync, writeSync } from "node:fs";
import { limits } from "@hindcast/shared";
import { z } from "zod";

const Note = z.strictObject({
  v: z.literal(1),
  /** Sequences that are being applied, both inclusive; null: none. */
  applying: z.strictObject({ from: z.int(), to: z.int() }).nullable(),
  /** The one at which the process ended last while it applied it alone, and how often in a row. */
  suspect: z.strictObject({ sequence: z.int(), crashes: z.int().positive() }).nullable(),
  /** Up to here one is applied at a time, to find which one it was. */
  suspectsTo: z.int().nonnegative(),
  /** Passed over at every start from now on, newest last. */
  skipped: z.array(z.int()).max(limits.crashSkipsMax),
});
type Note = z.infer<typeof Note>;

/** The note is filled up with blanks to a multiple of this, so that a shorter one covers a longer one. */
const noteBytesStep = 512;

const clean: Note = { v: 1, applying: null, suspect: null, suspectsTo: 0, skipped: [] };

export class CrashGuard {
  readonly #file: string | null;
  #descriptor: number | null = null;
  #note: Note;

  /** @param file null: the index lives in memory only, and a crash is not remembered. */
  constructor(file: string | null) {
    this.#file = file;
    this.#note = read(file);
    // Written at once: the next end of the process is another one.
    if (this.#note.applying !== null) this.#write(afterCrash(this.#note));
  }

  /** How many of the entries from `sequence` on may be applied together. */
  batchMax(sequence: number): number {
    return sequence <= this.#note.suspectsTo ? 1 : limits.projectionBatchMax;
  }

  /** The process has ended too often at this one. */
  isSkipped(sequence: number): boolean {
    return this.#note.skipped.includes(sequence);
  }

  /** Notes what is applied now; `end` takes the note away. */
  begin(from: number, to: number): void {
    this.#write({ ...this.#note, applying: { from, to } });
  }

  end(): void {
    const { applying, suspect } = this.#note;
    const isCleared = suspect !== null && applying?.from === suspect.sequence && applying.to === suspect.sequence;
    this.#write({ ...this.#note, applying: null, suspect: isCleared ? null : suspect });
  }

  #write(note: Note): void {
    this.#note = note;
    if (this.#file === null) return;
    this.#descriptor ??= openSync(this.#file, constants.O_WRONLY | constants.O_CREAT, 0o644);
    const text = JSON.stringify(note);
    const bytes = Math.max(text.length, fstatSync(this.#descriptor).size);
    writeSync(this.#descriptor, text.padEnd(Math.ceil(bytes / noteBytesStep) * noteBytesStep), 0);
  }

  [Symbol.dispose](): void {
    if (this.#descriptor !== null) closeSync(this.#descriptor);
    this.#descriptor = null;
  }
}

/** The state of a process that starts: what was still being applied has ended the one before. */
function afterCrash(note: Note): Note {
  const { applying, suspect, skipped } = note;
  if (applying === null) return note;
  const { from, to } = applying;
  if (from < to) return { ...note, applying: null, suspectsTo: Math.max(note.suspectsTo, to) };
  const crashes = suspect?.sequence === from ? suspect.crashes + 1 : 1;
  if (crashes < limits.crashesMax) return { ...note, applying: null, suspect: { sequence: from, crashes } };
  return { ...note, applying: null, suspect: null, skipped: [...skipped, from].slice(-limits.crashSkipsMax) };
}

/** What cannot be read is no note: the worst that comes of it are a few more crashes. */
function read(file: string | null): Note {
  try {
    return file === null ? clean : Note.parse(JSON.parse(readFileSync(file, "utf8")));
  } catch {
    return clean;
  }
}
