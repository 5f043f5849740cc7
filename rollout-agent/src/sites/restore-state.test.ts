// Requirements: 6.14.restore
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterEach, beforeEach, expect, it } from "vitest";
import { copySeed, restoreState } from "./restore-state.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "restore-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

it("puts databases and files back while somebody has the database open", async () => {
  const [seed, state] = [join(folder, "seed"), join(folder, "state")];
  mkdirSync(join(seed, "repositories"), { recursive: true });
  writeFileSync(join(seed, "repositories", "head"), "first");
  writeFileSync(join(seed, "kept"), "kept");
  const first = new DatabaseSync(join(seed, "site.sqlite3"));
  first.exec("CREATE TABLE item (name TEXT); INSERT INTO item VALUES ('kettle')");
  first.close();
  await copySeed(seed, state);

  const open = new DatabaseSync(join(state, "site.sqlite3"));
  const names = (): unknown[] => open.prepare("SELECT name FROM item ORDER BY name").all();
  open.exec("INSERT INTO item VALUES ('apron'); CREATE TABLE more (x)");
  writeFileSync(join(state, "repositories", "head"), "second commit");
  mkdirSync(join(state, "uploads"));
  writeFileSync(join(state, "uploads", "picture"), "new");
  rmSync(join(state, "kept"));
  expect(names()).toHaveLength(2);

  await restoreState(seed, state);
  expect(names()).toEqual([{ name: "kettle" }]);
  expect(open.prepare("SELECT count(*) AS tables FROM sqlite_master").get()).toEqual({ tables: 1 });
  expect(readFileSync(join(state, "repositories", "head"), "utf8")).toBe("first");
  expect(readFileSync(join(state, "kept"), "utf8")).toBe("kept");
  expect(() => readFileSync(join(state, "uploads", "picture"))).toThrow("ENOENT");
  // What is put back can be written again.
  open.exec("INSERT INTO item VALUES ('hat')");
  expect(names()).toHaveLength(2);
  open.close();
});
