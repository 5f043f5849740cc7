// Dollars of one campaign, or of the fleet. A ticket holds the most that its request can cost until it is settled;
// what is settled and what is held together never exceed the limit.
import type { BudgetRecord, BudgetStatus } from "../../protocol/admission.ts";

export class BudgetAccount {
  readonly name: string;
  limitUsd: number;
  #settledUsd: number;
  readonly #open: Map<string, { usd: number; holder: string }>;
  #escrowUsd: number | null = null;

  constructor(name: string, limitUsd: number, record: BudgetRecord | null = null) {
    this.name = name;
    this.limitUsd = limitUsd;
    this.#settledUsd = record?.settledUsd ?? 0;
    this.#open = new Map(Object.entries(record?.open ?? {}));
  }

  get settledUsd(): number {
    return this.#settledUsd;
  }

  get escrowUsd(): number {
    this.#escrowUsd ??= [...this.#open.values()].reduce((sum, { usd }) => sum + usd, 0);
    return this.#escrowUsd;
  }

  get openCount(): number {
    return this.#open.size;
  }

  /** `later`: settlements may make room for it. `never`: what is settled does not shrink. */
  canHold(usd: number): "now" | "later" | "never" {
    if (this.#settledUsd + usd > this.limitUsd) return "never";
    return this.#settledUsd + this.escrowUsd + usd <= this.limitUsd ? "now" : "later";
  }

  hold(ticket: string, usd: number, holder: string): void {
    this.#open.set(ticket, { usd, holder });
    this.#escrowUsd = null;
  }

  /**
   * @param costUsd null: unknown, charged as it was held. A cost above what was held is charged too: it was spent.
   * @returns the cost beyond what was held, or null for a ticket that is not open.
   */
  settle(ticket: string, costUsd: number | null): number | null {
    const held = this.#open.get(ticket);
    if (held === undefined) return null;
    this.#open.delete(ticket);
    this.#escrowUsd = null;
    const charged = costUsd ?? held.usd;
    this.#settledUsd += charged;
    return Math.max(0, charged - held.usd);
  }

  holds(ticket: string): boolean {
    return this.#open.has(ticket);
  }

  ticketsOf(isOf: (holder: string) => boolean): string[] {
    return [...this.#open].filter(([, { holder }]) => isOf(holder)).map(([ticket]) => ticket);
  }

  holders(): Set<string> {
    return new Set([...this.#open.values()].map(({ holder }) => holder));
  }

  record(term: number): BudgetRecord {
    const { limitUsd } = this;
    return { v: 1, limitUsd, settledUsd: this.#settledUsd, open: Object.fromEntries(this.#open), term };
  }

  status(): BudgetStatus {
    return { account: this.name, limitUsd: this.limitUsd, settledUsd: this.#settledUsd, escrowUsd: this.escrowUsd };
  }
}
