import { type HindcastError, messageOf, type WorldReply, type WorldRequest } from "@hindcast/shared";
import type { Asking, Exchange, WorldQuestion } from "./exchange.ts";
import { LineProcess, type StartedProgram } from "./line-process.ts";
import { asLost, readReply } from "./read-reply.ts";
import type { WorldContext } from "./world.ts";
import { worldLost, worldUnavailable } from "./world-faults.ts";

interface Pending {
  id: number;
  resolve: (reply: WorldReply) => void;
  reject: (error: Error) => void;
}

/** A process that reads requests from its standard input, a line each, and writes a line for each. */
export class ProcessExchange implements Exchange {
  readonly #world: string;
  readonly #session: string;
  readonly #process: LineProcess;
  #nextId = 1;
  #pending: Pending | null = null;
  #lost: HindcastError | null = null;

  constructor(world: string, program: StartedProgram, { session, log }: WorldContext) {
    this.#world = world;
    this.#session = session;
    this.#process = new LineProcess({
      ...program,
      log,
      onLine: (line) => this.#receive(line),
      onEnd: (reason, error) => this.#lose(endOf(world, reason, error)),
    });
  }

  async ask(question: WorldQuestion, { timeoutMs, signal }: Asking): Promise<WorldReply> {
    signal.throwIfAborted();
    if (this.#lost !== null) throw this.#lost;
    const id = this.#nextId++;
    const answered = new Promise<WorldReply>((resolve, reject) => (this.#pending = { id, resolve, reject }));
    // Nobody can tell a process to leave off: one that is no longer waited for is ended.
    const abandon = (): void => this.#abandon(`request ${id} was cancelled: ${messageOf(signal.reason)}`);
    const overdue = setTimeout(
      () => this.#abandon(`it did not answer "${question.kind}" within ${timeoutMs} ms`),
      timeoutMs,
    );
    signal.addEventListener("abort", abandon, { once: true });
    try {
      const request = { v: 1, id, session: this.#session, ...question } as WorldRequest;
      const [reply] = await Promise.all([answered, this.#process.send(JSON.stringify(request))]);
      return reply;
    } catch (error) {
      signal.throwIfAborted();
      throw error;
    } finally {
      clearTimeout(overdue);
      signal.removeEventListener("abort", abandon);
      this.#pending = null;
    }
  }

  close(): Promise<void> {
    this.#lose(worldLost(this.#world, "it was closed"));
    return this.#process.close();
  }

  #receive(line: string): void {
    const pending = this.#pending;
    try {
      if (pending === null)
        throw worldLost(this.#world, `it wrote a line that nobody asked for: ${line.slice(0, 200)}`);
      this.#pending = null;
      pending.resolve(readReply(this.#world, line, pending.id));
    } catch (error) {
      const lost = asLost(this.#world, error);
      pending?.reject(lost);
      this.#lose(lost);
      this.#process.kill(lost.message);
    }
  }

  #abandon(why: string): void {
    this.#lose(worldLost(this.#world, why));
    this.#process.kill(why);
  }

  #lose(lost: HindcastError): void {
    this.#lost ??= lost;
    this.#pending?.reject(this.#lost);
  }
}

/** A program or folder that is not there will not be there at the next try either. */
export function endOf(world: string, reason: string, error?: NodeJS.ErrnoException): HindcastError {
  if (error?.code !== "ENOENT" && error?.code !== "EACCES") return worldLost(world, reason, error);
  return worldUnavailable(world, `${reason}; correct its command or folder in the agent's worlds file`, error);
}
