// Requirements: 5.6.budget
import { type BudgetRecord, HindcastError } from "@hindcast/shared";
import { batchHolder, type BatchesValue, batchTicket, type RecordStore, silentLogger } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { BatchAccounts, type BatchAccountsDeps } from "./batch-accounts.ts";
import { BudgetBook } from "./budget-book.ts";

const unreadable = new HindcastError({
  code: "PROTOCOL_UNKNOWN_VERSION",
  boundary: "protocol",
  message: "version 2",
});

function accountsWith(get: BatchAccountsDeps["batches"]["get"]): { accounts: BatchAccounts; escrowUsd: () => number } {
  const records = { create: async () => 1, update: async () => 1 } as unknown as RecordStore<BudgetRecord>;
  const book = new BudgetBook(records);
  // The one that cannot be read comes first.
  for (const batch of ["other", "mine"]) book.account("c-1", 1).hold(batchTicket(batch, "c-1"), 0.25, batchHolder);
  const accounts = new BatchAccounts({
    settings: { fleetUsdMax: null, allowUnknownPrices: false },
    book,
    terms: { of: async () => ({ priority: 1, weight: 1, costUsdMax: 1 }) },
    batches: { get },
    logger: silentLogger,
    onFenced: () => undefined,
    onPaid: () => undefined,
  });
  return { accounts, escrowUsd: () => book.account("c-1", 1).status().escrowUsd };
}

it("gives up dollars of batches that are over beside one that cannot be read, whose dollars stay reserved", async () => {
  const { accounts, escrowUsd } = accountsWith(async (id) => {
    if (id === "other") throw unreadable;
    return null;
  });
  await accounts.sweep();
  expect(escrowUsd()).toBe(0.25);
});

it("gives up nothing while the bus does not answer", async () => {
  const away = new HindcastError({ code: "BUS_UNAVAILABLE", boundary: "bus", message: "away", retryable: true });
  const { accounts, escrowUsd } = accountsWith(() => Promise.reject<{ value: BatchesValue; revision: number }>(away));
  await expect(accounts.sweep()).rejects.toBe(away);
  expect(escrowUsd()).toBe(0.5);
});
