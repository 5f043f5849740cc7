// What is typed at the terminal of a command that runs, carried to the guest beside the command's own request.
import { HindcastError, limits } from "@hindcast/shared";
import type { GuestRequest } from "./guest-protocol.ts";
import type { Terminal, TerminalEvent } from "./sandbox.ts";

type Send = (request: GuestRequest, payload: Uint8Array) => void;

const nothing = new Uint8Array(0);

/** @throws HindcastError for a size that no terminal has. */
export function sizeOf({ columns, rows }: Pick<Terminal, "columns" | "rows">): { columns: number; rows: number } {
  for (const [name, value] of [
    ["columns", columns],
    ["rows", rows],
  ] as const) {
    if (Number.isInteger(value) && value > 0 && value <= limits.terminalCellsMax) continue;
    throw new HindcastError({
      code: "INTERNAL",
      boundary: "sandbox",
      message: `a terminal has 1 to ${limits.terminalCellsMax} ${name}, not ${value}`,
    });
  }
  return { columns, rows };
}

/** Takes events one by one and in order; what is typed waits until the terminal takes it. */
export class TypingFeed {
  readonly #events: AsyncIterator<TerminalEvent>;
  readonly #send: Send;
  /** Bytes that the guest keeps until the terminal takes them. */
  #credit: number = limits.terminalTypedBytesAhead;
  #onCredit: (() => void) | null = null;
  #isOver = false;

  constructor(events: AsyncIterable<TerminalEvent>, send: Send) {
    this.#events = events[Symbol.asyncIterator]();
    this.#send = send;
  }

  /** Until there is nothing more to type, or the command has ended. @throws whatever the events throw */
  async run(): Promise<void> {
    while (!this.#isOver) {
      const { value: event, done = false } = await this.#events.next();
      if (done || this.#isOver) return;
      await this.#take(event);
    }
  }

  grant(bytes: number): void {
    this.#credit = Math.min(this.#credit + bytes, limits.terminalTypedBytesAhead);
    this.#onCredit?.();
  }

  /** The command has ended; whoever makes the events is told. */
  end(): void {
    this.#isOver = true;
    this.#onCredit?.();
    // One that waits for its next event is told once that comes.
    void this.#events.return?.().catch(() => undefined);
  }

  async #take(event: TerminalEvent): Promise<void> {
    if (event.kind === "resize") return this.#send({ op: "resize", ...sizeOf(event) }, nothing);
    if (event.kind === "signal") return this.#send({ op: "signal", name: event.name }, nothing);
    let rest = event.bytes;
    while (rest.byteLength > 0 && !this.#isOver) {
      if (this.#credit === 0) await new Promise<void>((resolve) => (this.#onCredit = resolve));
      const now = rest.subarray(0, this.#credit);
      if (this.#isOver || now.byteLength === 0) continue;
      this.#credit -= now.byteLength;
      this.#send({ op: "type" }, now);
      rest = rest.subarray(now.byteLength);
    }
  }
}
