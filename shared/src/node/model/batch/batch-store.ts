// The BATCHES bucket as one model sees it: its register and its batches.
import { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import type { RecordStore } from "../../bus/bus.ts";
import { deriveId } from "../../derive-id.ts";
import type { Driver } from "../driver.ts";
import { canonicalJson } from "../request-hash.ts";
import type { BatchesValue, BatchRecord, BatchRegister } from "./batch-record.ts";

export interface Versioned<T> {
  value: T;
  /** 0: not stored yet. */
  revision: number;
}

/** What another version wrote may hold the same requests, which would be bought twice: who asks has to wait for it. */
const notReadable =
  (id: string) =>
  (cause: unknown): never => {
    if (!(cause instanceof HindcastError && cause.boundary === "protocol")) throw cause;
    const message = `batch ${id} was opened by another version of Hindcast; it has to be over, or the upgrade to be finished, before others are opened`;
    throw new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message, retryable: true, cause });
  };

export class BatchStore {
  readonly #records: RecordStore<BatchesValue>;
  readonly #model: string;
  readonly #key: string;

  /** Batches are shared by whoever shares journal entries: the same model with the same settings. */
  constructor(records: RecordStore<BatchesValue>, { id, settings }: Pick<Driver, "id" | "settings">) {
    this.#records = records;
    this.#model = id;
    this.#key = deriveId("register", canonicalJson({ model: id, settings }));
  }

  async register(): Promise<Versioned<BatchRegister>> {
    const stored = await this.#records.get(this.#key);
    if (stored?.value.kind === "register") return { value: stored.value, revision: stored.revision };
    return { value: { v: 1, kind: "register", model: this.#model, ordinal: 0, open: [] }, revision: 0 };
  }

  async batch(id: string): Promise<Versioned<BatchRecord> | null> {
    const stored = await this.#records.get(id);
    return stored?.value.kind === "batch" ? { value: stored.value, revision: stored.revision } : null;
  }

  /** Those of the register that are not closed. */
  async openOf({ open }: BatchRegister): Promise<BatchRecord[]> {
    const found = await Promise.all(open.map((id) => this.batch(id).catch(notReadable(id))));
    return found.flatMap((each) => (each === null || each.value.state === "closed" ? [] : [each.value]));
  }

  /** The id of the batch that would be registered next with these requests. */
  nextId({ ordinal }: BatchRegister, hashes: readonly string[]): string {
    return deriveId("bat", this.#key, ordinal, ...hashes);
  }

  /** An intent is nothing until it is registered, so one that was left behind may be written over. */
  async putIntent(record: BatchRecord): Promise<Versioned<BatchRecord>> {
    return { value: record, revision: await this.#records.put(record.id, record) };
  }

  /** @returns false when the register has changed since it was read. */
  async admit({ value, revision }: Versioned<BatchRegister>, id: string): Promise<boolean> {
    return await this.#replace(revision, { ...value, ordinal: value.ordinal + 1, open: [...value.open, id] });
  }

  /** @throws BUS_CONFLICT when another process has written it meanwhile. */
  async update(
    { value, revision }: Versioned<BatchRecord>,
    changes: Partial<BatchRecord>,
  ): Promise<Versioned<BatchRecord>> {
    const changed = { ...value, ...changes };
    return { value: changed, revision: await this.#records.update(value.id, changed, revision) };
  }

  /** Closes a batch and strikes it off the register. Its record comes first: whoever misses the batch reads it. */
  async close(record: BatchRecord): Promise<void> {
    await this.#records.put(record.id, record, limits.batchRecordAgeMs);
    for (let round = 0; round < limits.batchRoundsMax; round += 1) {
      const { value, revision } = await this.register();
      if (!value.open.includes(record.id)) return;
      const open = value.open.filter((id) => id !== record.id);
      if (await this.#replace(revision, { ...value, open })) return;
    }
    throw new HindcastError({
      code: "BUS_CONFLICT",
      boundary: "bus",
      message: `batch ${record.id} could not be struck off the register of ${this.#model} in ${limits.batchRoundsMax} rounds`,
      retryable: true,
    });
  }

  async drop(id: string): Promise<void> {
    await this.#records.delete(id);
  }

  async #replace(revision: number, register: BatchRegister): Promise<boolean> {
    try {
      if (revision === 0) await this.#records.create(this.#key, register);
      else await this.#records.update(this.#key, register, revision);
      return true;
    } catch (error) {
      if (error instanceof HindcastError && error.code === "BUS_CONFLICT") return false;
      throw error;
    }
  }
}
