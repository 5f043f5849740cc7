// Requirements: 5.5.budget
import { type BudgetRecord, HindcastError } from "@hindcast/shared";
import type { RecordStore } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { BudgetBook } from "./budget-book.ts";

/** A bucket as the server keeps it; only what a book does with one. */
function aBucket(): { records: RecordStore<BudgetRecord>; stored: Map<string, number> } {
  const stored = new Map<string, number>();
  let revisions = 0;
  const check = (key: string, revision: number | undefined): void => {
    if ((stored.get(key) ?? 0) === revision) return;
    throw new HindcastError({ code: "BUS_CONFLICT", boundary: "bus", message: `${key} is at another revision` });
  };
  const write = async (key: string, _value: BudgetRecord, revision: number): Promise<number> => {
    check(key, revision);
    stored.set(key, (revisions += 1));
    return revisions;
  };
  const records = {
    create: (key: string, value: BudgetRecord) => write(key, value, 0),
    update: write,
    delete: async (key: string, revision?: number) => {
      check(key, revision);
      stored.delete(key);
    },
  } as unknown as RecordStore<BudgetRecord>;
  return { records, stored };
}

const everyOne = (): boolean => true;

it("removes accounts that are over, but none on which something is open", async () => {
  const { records, stored } = aBucket();
  const book = new BudgetBook(records);
  for (const name of ["c-over", "c-open", "c-running"]) await book.commit(book.account(name, 1));
  book.account("c-open", 1).hold("t-1", 0.5, "h");
  await book.close((name) => name !== "c-running");
  expect(book.accounts().map(({ name }) => name)).toEqual(["c-open", "c-running"]);
  expect([...stored.keys()]).toEqual(["c-open", "c-running"]);
  book.account("c-open", 1).settle("t-1", 0.1);
  await book.close((name) => name !== "c-running");
  expect([...stored.keys()]).toEqual(["c-running"]);
});

it("begins anew for a campaign that asks once more, and removes nothing that another keeps", async () => {
  const { records, stored } = aBucket();
  const book = new BudgetBook(records);
  await book.commit(book.account("c-1", 1));
  await book.close(everyOne);
  await book.commit(book.account("c-1", 1));
  expect(stored.has("c-1")).toBe(true);
  stored.set("c-1", 99);
  await expect(book.close(everyOne)).rejects.toMatchObject({ code: "BUS_CONFLICT" });
  expect(stored.get("c-1")).toBe(99);
});
