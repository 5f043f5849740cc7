// Budgets that survive whoever keeps them. An account is written before anything of it is granted, by compare-and-set:
// many grants that come together are one write, and a write that finds another's in its place means that this process no
// longer admits. What is written names every open reservation, so a successor knows exactly what may still be spent.
import type { BudgetRecord } from "@hindcast/shared";
import { BudgetAccount, compareAndSet, type RecordStore } from "@hindcast/shared/node";

interface Entry {
  account: BudgetAccount;
  /** 0: not stored yet. */
  revision: number;
  writing: Promise<void>;
  /** A write that has not begun: whatever is changed until then is in it. */
  next: Promise<void> | null;
}

export class BudgetBook {
  readonly #records: RecordStore<BudgetRecord>;
  readonly #entries = new Map<string, Entry>();
  #term = 0;

  constructor(records: RecordStore<BudgetRecord>) {
    this.#records = records;
  }

  /** Reads every account and writes each under a new term, which fences whoever kept them before. */
  async open(): Promise<void> {
    const stored = await this.#records.entries();
    this.#term = 1 + Math.max(0, ...stored.map(({ value }) => value.term));
    for (const { key } of stored) await this.#takeOver(key);
  }

  account(name: string, limitUsd: number): BudgetAccount {
    const entry = this.#entries.get(name) ?? this.#add(new BudgetAccount(name, limitUsd), 0);
    entry.account.limitUsd = limitUsd;
    return entry.account;
  }

  /** Of an account that is kept already; null: what it counts from now on has no limit, and stays as it is. */
  relimit(name: string, limitUsd: number | null): void {
    const account = this.#entries.get(name)?.account;
    if (account !== undefined && limitUsd !== null) account.limitUsd = limitUsd;
  }

  accounts(): BudgetAccount[] {
    return [...this.#entries.values()].map(({ account }) => account);
  }

  /** Removes accounts on which nothing is open and nothing will be. @throws BUS_CONFLICT when another keeps one. */
  async close(isOver: (name: string) => boolean): Promise<void> {
    for (const [name, entry] of Array.from(this.#entries)) {
      if (!isOver(name) || entry.account.openCount > 0) continue;
      await this.commit(entry.account);
      if (entry.account.openCount > 0) continue;
      await this.#records.delete(name, entry.revision);
      this.#entries.delete(name);
    }
  }

  /** Resolves when what the account is now is stored. @throws BUS_CONFLICT when another keeps it. */
  async commit({ name }: BudgetAccount): Promise<void> {
    const entry = this.#entries.get(name);
    if (entry === undefined) return;
    entry.next ??= this.#writeAfter(entry);
    await entry.next;
  }

  async #writeAfter(entry: Entry): Promise<void> {
    // Whoever waits for that write gets its failure.
    await entry.writing.catch(() => undefined);
    const next = entry.next;
    entry.next = null;
    const write = this.#write(entry);
    entry.writing = next ?? write;
    await write;
  }

  async #write(entry: Entry): Promise<void> {
    const { account, revision } = entry;
    const record = account.record(this.#term);
    entry.revision =
      revision === 0
        ? await this.#records.create(account.name, record)
        : await this.#records.update(account.name, record, revision);
  }

  /** The one before may write once more in between; then it is read again. */
  async #takeOver(name: string): Promise<void> {
    await compareAndSet(async () => {
      const stored = await this.#records.get(name);
      if (stored === null) return;
      const account = new BudgetAccount(name, stored.value.limitUsd, stored.value);
      this.#add(account, await this.#records.update(name, account.record(this.#term), stored.revision));
    });
  }

  #add(account: BudgetAccount, revision: number): Entry {
    const entry: Entry = { account, revision, writing: Promise.resolve(), next: null };
    this.#entries.set(account.name, entry);
    return entry;
  }
}
