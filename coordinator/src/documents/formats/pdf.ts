// PDFs are read in a thread of their own, so that a hostile or damaged file costs itself alone: pdf.js may loop on it,
// fill the memory, or reject a promise that nobody awaits.
import { Worker } from "node:worker_threads";
import { messageOf } from "@hindcast/shared";
import type { ParsedDocument } from "../block.ts";
import type { PdfAnswer } from "./pdf-worker.ts";

export interface PdfLimits {
  /** Of one file. A page takes about a millisecond and 2,000 pages are read at most, so only a loop reaches it. */
  timeoutMs: number;
  /** Of the thread: its heap and its buffers. The largest file that is read has 50 MiB and is decompressed in parts. */
  memoryBytesMax: number;
  /** How long an idle thread waits for the next file; starting one takes a tenth of a second. */
  idleMs: number;
}

const defaultLimits: PdfLimits = { timeoutMs: 60_000, memoryBytesMax: 512 * 1024 * 1024, idleMs: 5_000 };
/** V8 bounds the heap but not the buffers that streams are decompressed into; these are looked at this often. */
const memoryCheckMs = 50;

/** Reads one file at a time: the thread has one deadline and one memory, and they must be one file's. */
export class PdfReader {
  readonly #limits: PdfLimits;
  #worker: Worker | null = null;
  #idle: NodeJS.Timeout | null = null;
  #last: Promise<unknown> = Promise.resolve();

  constructor(limits: Partial<PdfLimits> = {}) {
    this.#limits = { ...defaultLimits, ...limits };
  }

  /** @throws Error when the file is damaged, locked, too long, too costly to read, or has no text. */
  read(bytes: Uint8Array, signal: AbortSignal): Promise<ParsedDocument> {
    const answer = this.#last.then(() => this.#read(bytes, signal));
    this.#last = answer.catch(() => undefined);
    return answer;
  }

  async #read(bytes: Uint8Array, signal: AbortSignal): Promise<ParsedDocument> {
    signal.throwIfAborted();
    const worker = this.#wake();
    try {
      const answer = await this.#ask(worker, bytes, signal);
      if ("document" in answer) return answer.document;
      throw new Error(answer.problem);
    } finally {
      if (this.#worker === worker) this.#rest(worker);
    }
  }

  /** The thread's answer; a thread that gives none is ended, and the next file gets a new one. */
  async #ask(worker: Worker, bytes: Uint8Array, signal: AbortSignal): Promise<PdfAnswer> {
    const { promise, resolve, reject } = Promise.withResolvers<PdfAnswer>();
    const { timeoutMs, memoryBytesMax } = this.#limits;
    const tooMuch = `takes more than ${memoryBytesMax} bytes of memory to read as PDF; split or exclude it`;
    const onError = (error: unknown): void => {
      const isMemory = error instanceof Error && "code" in error && error.code === "ERR_WORKER_OUT_OF_MEMORY";
      reject(new Error(isMemory ? tooMuch : unreadable(messageOf(error)), { cause: error }));
    };
    const onExit = (): void => reject(new Error(unreadable("its reader ended")));
    const onAbort = (): void => reject(signal.reason instanceof Error ? signal.reason : new Error("was cancelled"));
    const deadline = setTimeout(
      () => reject(new Error(`was not read as PDF within ${timeoutMs} ms; mend, split or exclude it`)),
      timeoutMs,
    );
    const check = setInterval(() => {
      void memoryOf(worker).then((used) => (used > memoryBytesMax ? reject(new Error(tooMuch)) : undefined));
    }, memoryCheckMs);
    worker.on("message", resolve).on("error", onError).on("exit", onExit);
    signal.addEventListener("abort", onAbort, { once: true });
    try {
      const copy = Uint8Array.from(bytes);
      worker.postMessage(copy, [copy.buffer]);
      return await promise;
    } catch (error) {
      this.#worker = null;
      await worker.terminate();
      throw error;
    } finally {
      clearTimeout(deadline);
      clearInterval(check);
      worker.off("message", resolve).off("error", onError).off("exit", onExit);
      signal.removeEventListener("abort", onAbort);
    }
  }

  #wake(): Worker {
    if (this.#idle !== null) clearTimeout(this.#idle);
    this.#worker ??= this.#start();
    this.#worker.ref();
    return this.#worker;
  }

  #start(): Worker {
    // The thread is written in what this file is written in: TypeScript from sources, JavaScript when built.
    const isSource = import.meta.url.endsWith(".ts");
    const worker = new Worker(new URL(isSource ? "./pdf-worker.ts" : "./pdf-worker.js", import.meta.url), {
      execArgv: isSource ? ["--conditions=source"] : [],
      env: {},
      resourceLimits: { maxOldGenerationSizeMb: this.#limits.memoryBytesMax / 1024 ** 2 },
    });
    // An idle thread that breaks is replaced; while it reads, #ask hears of it too.
    const onGone = (): void => {
      if (this.#worker === worker) this.#worker = null;
    };
    worker.on("error", onGone).on("exit", onGone);
    return worker;
  }

  /** Keeps the thread for the next file, without keeping the process for it. */
  #rest(worker: Worker): void {
    worker.unref();
    this.#idle = setTimeout(() => {
      this.#worker = null;
      void worker.terminate();
    }, this.#limits.idleMs).unref();
  }
}

const reader = new PdfReader();

/**
 * The text of a PDF; headings are told by their size, listings by their typeface, both only as far as the file records
 * them. A scanned PDF has no text at all.
 *
 * @throws Error when the file is damaged, locked, too long, too costly to read, or has no text.
 */
export function parsePdf(bytes: Uint8Array, signal: AbortSignal): Promise<ParsedDocument> {
  return reader.read(bytes, signal);
}

function unreadable(why: string): string {
  return `cannot be read as PDF (${why.replace(/\.$/, "")}); mend or exclude it`;
}

/** Zero where the thread has just ended. */
async function memoryOf(worker: Worker): Promise<number> {
  const used = await worker.getHeapStatistics().catch(() => null);
  return used === null ? 0 : used.used_heap_size + used.external_memory;
}
