// Puts a copy's state back to the seed while the site goes on running. Databases are overwritten page by page in one
// transaction of SQLite's, so that open connections see the new content; other files are replaced where they differ.
import { constants } from "node:fs";
import { copyFile, cp, lstat, mkdir, readdir, rename, rm, utimes } from "node:fs/promises";
import { join } from "node:path";
import { backup, DatabaseSync } from "node:sqlite";

/** Shares the blocks of files where the file system can. */
const clone = constants.COPYFILE_FICLONE;

/** A fresh copy of the seed. */
export async function copySeed(seed: string, state: string): Promise<void> {
  await cp(seed, state, { recursive: true, preserveTimestamps: true, mode: clone, verbatimSymlinks: true });
}

/** Nobody may be using the site meanwhile. */
export async function restoreState(seed: string, state: string): Promise<void> {
  const [wanted, present] = await Promise.all([entriesOf(seed), entriesOf(state)]);
  for (const name of present.keys()) {
    if (!wanted.has(name) && !isJournal(name)) await rm(join(state, name), { recursive: true, force: true });
  }
  for (const [name, entry] of wanted) {
    const [from, to] = [join(seed, name), join(state, name)];
    if (entry.isFolder) await mkdir(to, { recursive: true });
    else if (isDatabase(name)) await overwriteDatabase(from, to);
    else if (!isSame(entry, present.get(name))) await replaceFile(from, to, entry);
  }
}

interface Entry {
  isFolder: boolean;
  size: number;
  mtimeMs: number;
}

async function entriesOf(folder: string): Promise<Map<string, Entry>> {
  const names = await readdir(folder, { recursive: true });
  const found = new Map<string, Entry>();
  for (const name of names.toSorted()) {
    const status = await lstat(join(folder, name)).catch(() => null);
    if (status !== null) {
      found.set(name, { isFolder: status.isDirectory(), size: status.size, mtimeMs: Math.trunc(status.mtimeMs) });
    }
  }
  return found;
}

function isSame(a: Entry, b: Entry | undefined): boolean {
  return b !== undefined && a.isFolder === b.isFolder && a.size === b.size && a.mtimeMs === b.mtimeMs;
}

function isDatabase(name: string): boolean {
  return name.endsWith(".sqlite3");
}

/** SQLite's own, which it removes itself. */
function isJournal(name: string): boolean {
  return /\.sqlite3-(journal|wal|shm)$/.test(name);
}

async function overwriteDatabase(from: string, to: string): Promise<void> {
  const source = new DatabaseSync(from, { readOnly: true });
  try {
    // All pages in one step: one transaction.
    await backup(source, to, { rate: 2 ** 30 });
  } finally {
    source.close();
  }
}

async function replaceFile(from: string, to: string, { mtimeMs }: Entry): Promise<void> {
  const fresh = `${to}.fresh`;
  await copyFile(from, fresh, clone);
  await utimes(fresh, mtimeMs / 1_000, mtimeMs / 1_000);
  await rename(fresh, to);
}
