// Things on disk that are costly to make and never change: Python environments, repositories. Each is named by what it is
// made from, made once however many processes want it, and removed when the folder has grown too large and nobody uses it.
//
//   entries/<key>/         what was made
//   complete/<key>.json    says that the entry is whole; its time is that of the last use
//   uses/<key>/<process>.N somebody works with it; counts while that process lives
//   locks/<key>            held while the entry is made or removed
import { existsSync, mkdirSync, readdirSync, rmSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { lstat, readdir } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { isAlive, lock, ownMark, ownName, readWhereThere, tryLock } from "./file-lock.ts";

const Complete = z.object({ key: z.string(), bytes: z.number(), seconds: z.number(), note: z.string() });
export type CacheFacts = z.infer<typeof Complete>;

export interface CacheEntry extends AsyncDisposable {
  path: string;
  facts: CacheFacts;
  /** Whether it had to be made for this caller. */
  isNew: boolean;
}

/** Tells the uses of this process apart. */
let uses = 0;

/** Makes an entry in the empty folder `path`. @returns a note that is kept with it */
export type MakeEntry = (path: string) => Promise<string>;

export class CacheFolder {
  readonly root: string;
  readonly #bytesMax: number;

  /** @param bytesMax of all entries together; what is in use is never removed, so more may be there for a while */
  constructor(root: string, bytesMax: number) {
    this.root = root;
    this.#bytesMax = bytesMax;
    for (const name of ["entries", "complete", "uses", "locks"]) mkdirSync(join(root, name), { recursive: true });
  }

  /**
   * The entry of `key`, made where it is not there. The caller disposes of it when it no longer needs the files.
   * @param isGood what is not is made anew, unless somebody works with it just now
   */
  async open(
    key: string,
    make: MakeEntry,
    signal: AbortSignal,
    isGood: (facts: CacheFacts) => boolean = () => true,
  ): Promise<CacheEntry> {
    const found = this.#facts(key);
    if (found !== null && !isGood(found)) this.#remove(found);
    // The use is marked before the entry is looked at: `#remove` looks at the marks after it has hidden the entry.
    const use = this.#markUse(key);
    try {
      const present = this.#facts(key);
      const { facts, isNew } =
        present === null ? await this.#makeLocked(key, make, signal) : { facts: present, isNew: false };
      this.#touch(key);
      return {
        path: join(this.root, "entries", key),
        facts,
        isNew,
        [Symbol.asyncDispose]: () => Promise.resolve(rmSync(use, { force: true })),
      };
    } catch (error) {
      rmSync(use, { force: true });
      throw error;
    }
  }

  async #makeLocked(key: string, make: MakeEntry, signal: AbortSignal): Promise<{ facts: CacheFacts; isNew: boolean }> {
    const release = await lock(this.#lockOf(key), signal);
    const path = join(this.root, "entries", key);
    try {
      const present = this.#facts(key);
      if (present !== null) return { facts: present, isNew: false };
      // What a process left that died while it made the entry.
      rmSync(path, { recursive: true, force: true });
      mkdirSync(path);
      const startedAt = performance.now();
      const note = await make(path);
      const seconds = (performance.now() - startedAt) / 1000;
      const facts: CacheFacts = { key, bytes: await bytesBelow(path), seconds, note };
      writeFileSync(this.#completeOf(key), JSON.stringify(facts), { flush: true });
      this.#makeRoom();
      return { facts, isNew: true };
    } catch (error) {
      // The mark first: without it the rest is what a dead process leaves, and is made anew.
      rmSync(this.#completeOf(key), { force: true });
      rmSync(path, { recursive: true, force: true });
      throw error;
    } finally {
      release();
    }
  }

  /** Removes what was not used for longest, until the rest fits. */
  #makeRoom(): void {
    const entries = readdirSync(join(this.root, "complete")).flatMap((name) => {
      const facts = this.#facts(name.replace(/\.json$/, ""));
      const usedAt = statSync(join(this.root, "complete", name), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      return facts === null ? [] : [{ facts, usedAt }];
    });
    let bytes = entries.reduce((sum, { facts }) => sum + facts.bytes, 0);
    for (const { facts } of entries.toSorted((a, b) => a.usedAt - b.usedAt)) {
      if (bytes <= this.#bytesMax) return;
      if (this.#remove(facts)) bytes -= facts.bytes;
    }
  }

  /** @returns false where somebody uses the entry, or makes it */
  #remove(facts: CacheFacts): boolean {
    if (this.#isUsed(facts.key)) return false;
    const release = tryLock(this.#lockOf(facts.key));
    if (release === null) return false;
    try {
      rmSync(this.#completeOf(facts.key), { force: true });
      if (this.#isUsed(facts.key)) {
        writeFileSync(this.#completeOf(facts.key), JSON.stringify(facts), { flush: true });
        return false;
      }
      rmSync(join(this.root, "entries", facts.key), { recursive: true, force: true });
      return true;
    } finally {
      release();
    }
  }

  #facts(key: string): CacheFacts | null {
    const text = readWhereThere(this.#completeOf(key));
    // Somebody may make room by removing folders, and not know of their marks.
    if (text === null || !existsSync(join(this.root, "entries", key))) return null;
    try {
      return Complete.parse(JSON.parse(text));
    } catch {
      // Torn by a full disk or a lost machine: such an entry is made anew, and stands in no other's way.
      return null;
    }
  }

  #touch(key: string): void {
    const now = new Date();
    // Hidden for a moment by `#remove`, which will see our mark.
    if (readWhereThere(this.#completeOf(key)) !== null) utimesSync(this.#completeOf(key), now, now);
  }

  #markUse(key: string): string {
    const folder = join(this.root, "uses", key);
    mkdirSync(folder, { recursive: true });
    const use = join(folder, `${ownName}.${uses++}`);
    writeFileSync(use, ownMark());
    return use;
  }

  #isUsed(key: string): boolean {
    const folder = join(this.root, "uses", key);
    const uses = statSync(folder, { throwIfNoEntry: false }) === undefined ? [] : readdirSync(folder);
    // Empty: about to be written, or of an earlier version; then the number in its name must do.
    return uses.some((use) => {
      const writtenMs = statSync(join(folder, use), { throwIfNoEntry: false })?.mtimeMs ?? 0;
      return isAlive(readWhereThere(join(folder, use)) || (use.split(".")[0] ?? ""), writtenMs);
    });
  }

  #completeOf(key: string): string {
    return join(this.root, "complete", `${key}.json`);
  }

  #lockOf(key: string): string {
    return join(this.root, "locks", key);
  }
}

/** Of the files below; one that has other names (a hard link) takes no room of its own. */
async function bytesBelow(path: string): Promise<number> {
  let bytes = 0;
  for (const entry of await readdir(path, { withFileTypes: true, recursive: true })) {
    if (!entry.isFile()) continue;
    const { size, nlink } = await lstat(join(entry.parentPath, entry.name));
    bytes += nlink > 1 ? 0 : size;
  }
  return bytes;
}
