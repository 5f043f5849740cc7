// What earlier campaigns already learned from: not rolled out again, and never a held-out task. The campaigns of one
// coordinator share what they have read of the log, which is long: each goes on reading where the last one stopped.
import type { CampaignId, TaskId } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { InstructionDeduplicator } from "./similarity/instruction-deduplicator.ts";

/** A campaign's share of it: what was stored when it began. */
export interface KnownInstructions extends Disposable {
  /** To which it adds its own. */
  readonly instructions: InstructionDeduplicator;
}

type Log = Pick<Bus["demonstrations"], "newest" | "born" | "stored" | "restore">;

/** What was read, until no campaign is left that needs it. */
export class InstructionHistory {
  readonly #demonstrations: Log;
  #read = nothingRead("");
  #users = 0;
  #reading: Promise<void> = Promise.resolve();

  constructor({ demonstrations }: { demonstrations: Log }) {
    this.#demonstrations = demonstrations;
  }

  /** Reads the log to its end. What the campaign itself learned, under an earlier leader, is not among it. */
  async open(campaign: CampaignId, signal: AbortSignal): Promise<KnownInstructions> {
    this.#users += 1;
    try {
      const before = this.#reading;
      const reading = before.catch(() => undefined).then(() => this.#readOn(signal));
      this.#reading = reading;
      await reading;
    } catch (error) {
      this.#close();
      throw error;
    }
    const { known, learnedBy } = this.#read;
    const earlier = known.upToNow((task) => learnedBy.get(task as TaskId) !== campaign);
    let isOpen = true;
    const close = (): void => {
      if (isOpen) this.#close();
      isOpen = false;
    };
    return { instructions: new InstructionDeduplicator(earlier), [Symbol.dispose]: close };
  }

  #close(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#read = nothingRead("");
  }

  async #readOn(signal: AbortSignal): Promise<void> {
    const [born, newest] = await Promise.all([this.#demonstrations.born(), this.#demonstrations.newest()]);
    // Of a log that was made anew or emptied by hand nothing is known any more.
    if (born !== this.#read.born || newest === null || this.#read.isRetired) this.#read = nothingRead(born);
    if (newest === null || newest < this.#read.next) return;
    await this.#readStored(signal);
    // Which tasks have no demonstration left, only all of the log tells.
    if (this.#read.isRetired) {
      this.#read = nothingRead(born);
      await this.#readStored(signal);
    }
  }

  async #readStored(signal: AbortSignal): Promise<void> {
    const read = this.#read;
    const isFromStart = read.next === 1;
    for await (const { id, bytes, sequence } of this.#demonstrations.stored(read.next)) {
      signal.throwIfAborted();
      if (bytes.byteLength > 0) remember(read, this.#demonstrations.restore(id, bytes));
      else if (!isFromStart) read.isRetired = true;
      read.next = sequence + 1;
    }
  }
}

interface Read {
  /** When the log was made of which it was read. */
  born: string;
  known: InstructionDeduplicator;
  /** A task leads to many demonstrations, and its words are known after the first. */
  learnedBy: Map<TaskId, CampaignId>;
  /** The sequence to go on from. */
  next: number;
  /** A demonstration was retired after the log had been read beyond it. */
  isRetired: boolean;
}

const nothingRead = (born: string): Read => ({
  born,
  known: new InstructionDeduplicator(),
  learnedBy: new Map(),
  next: 1,
  isRetired: false,
});

function remember({ known, learnedBy }: Read, demonstration: ReturnType<Bus["demonstrations"]["restore"]>): void {
  if (demonstration === null) return;
  const { taskId, taskInstruction } = demonstration.lineage;
  if (learnedBy.has(taskId)) return;
  learnedBy.set(taskId, demonstration.campaignId);
  known.add(taskId, taskInstruction);
}
