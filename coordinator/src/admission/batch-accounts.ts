// The dollars of batches at the desk that admits: reserved by ticket in the same budgets as those of single requests, and
// written before they are granted. A ticket is open for as long as its batch may be, for a day or two, whoever dies; what
// the batch has cost is paid by whoever reads its results.
import {
  type AdmissionHold,
  type AdmissionPay,
  type AdmissionRoom,
  type AdmissionRoomReply,
  HindcastError,
  limits,
  messageOf,
} from "@hindcast/shared";
import {
  batchHolder,
  type BatchesValue,
  batchOfTicket,
  type BudgetAccount,
  type Logger,
  type RecordStore,
} from "@hindcast/shared/node";
import { accountsOf } from "./accounts-of.ts";
import type { BudgetBook } from "./budget-book.ts";
import type { TermsOfCampaigns } from "./campaign-terms.ts";
import { takenOver } from "./desk.ts";
import type { AdmissionSettings } from "./settings.ts";

export interface BatchAccountsDeps {
  settings: Pick<AdmissionSettings, "fleetUsdMax" | "allowUnknownPrices">;
  book: BudgetBook;
  terms: Pick<TermsOfCampaigns, "of">;
  batches: Pick<RecordStore<BatchesValue>, "get">;
  logger: Logger;
  /** Called when a write finds that another process admits. */
  onFenced: (error: unknown) => void;
  /** Called when dollars may have come free. */
  onPaid: () => void;
}

export class BatchAccounts {
  readonly #deps: BatchAccountsDeps;

  constructor(deps: BatchAccountsDeps) {
    this.#deps = deps;
  }

  async room({ campaignId }: AdmissionRoom): Promise<Omit<AdmissionRoomReply, "v" | "kind">> {
    const accounts = accountsOf(this.#deps, campaignId, await this.#deps.terms.of(campaignId));
    const { allowUnknownPrices } = this.#deps.settings;
    return { budgets: accounts.map((account) => account.status()), allowUnknownPrices };
  }

  /** @returns false where there is no room for it now, and then nothing is reserved. Asked again, it is reserved once. */
  async hold({ ticket, campaignId, usdMax }: AdmissionHold): Promise<boolean> {
    const accounts = accountsOf(this.#deps, campaignId, await this.#deps.terms.of(campaignId));
    const lacking = accounts.filter((account) => !account.holds(ticket));
    const isRoom = lacking.every(
      (account) => account.canHold(usdMax) === "now" && account.openCount < limits.admissionOpenMax,
    );
    if (!isRoom) return false;
    for (const account of lacking) account.hold(ticket, usdMax, batchHolder);
    await this.#commit(accounts);
    return true;
  }

  /** What is not reserved was paid before, or is of an account without a limit: no dollars move. */
  async pay({ ticket, costUsd }: Pick<AdmissionPay, "ticket" | "costUsd">): Promise<void> {
    const open = this.#deps.book.accounts().filter((account) => account.holds(ticket));
    for (const account of open) account.settle(ticket, costUsd);
    await this.#commit(open);
    if (open.length > 0) this.#deps.onPaid();
  }

  /**
   * Gives up what is reserved for batches that are closed: a process that was stopped while it reserved woke up when
   * another one had long found its batch to be none. What such a batch had really cost was paid before it was closed.
   */
  async sweep(): Promise<void> {
    const tickets = new Set(
      this.#deps.book.accounts().flatMap((account) => account.ticketsOf((holder) => holder === batchHolder)),
    );
    for (const ticket of tickets) {
      if (await this.#isOpen(ticket)) continue;
      this.#deps.logger.warn(
        { event: "admission.expired", ticket },
        "dollars of a batch that is over were still reserved",
      );
      await this.pay({ ticket, costUsd: 0 });
    }
  }

  /** What another version wrote is its to close: its dollars stay reserved. */
  async #isOpen(ticket: string): Promise<boolean> {
    try {
      const batch = await this.#deps.batches.get(batchOfTicket(ticket));
      return batch !== null && batch.value.kind === "batch" && batch.value.state !== "closed";
    } catch (error) {
      if (!(error instanceof HindcastError && error.boundary === "protocol")) throw error;
      this.#deps.logger.warn({ event: "batch.unreadable", ticket, err: error }, messageOf(error));
      return true;
    }
  }

  async #commit(accounts: readonly BudgetAccount[]): Promise<void> {
    try {
      await Promise.all(accounts.map((account) => this.#deps.book.commit(account)));
    } catch (error) {
      this.#deps.onFenced(error);
      throw takenOver(error);
    }
  }
}
