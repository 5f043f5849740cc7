// Requirements: 6.9.cache
import { existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { CacheFolder, type MakeEntry } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { tryLock } from "../../rollout-agent/src/environment/swe-bench/file-lock.ts";

const never = new AbortController().signal;
/** Larger than any process number that Linux gives. */
const deadProcess = 2 ** 22 + 5;
/** Of another pod that mounts the same folder, where the number may be anybody's. */
const foreignMark = `${deadProcess} 1 elsewhere`;

function age(path: string, hours: number): void {
  const then = Date.now() / 1_000 - hours * 3_600;
  utimesSync(path, then, then);
}

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-cache-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

const file =
  (bytes: number, onMade: () => void = () => {}): MakeEntry =>
  (path) => {
    onMade();
    writeFileSync(join(path, "file"), Buffer.alloc(bytes));
    return Promise.resolve("made");
  };

describe("the cache of environments and repositories", () => {
  it("makes an entry once, however many want it", async () => {
    const folder = aFolder();
    let made = 0;
    const caches = [new CacheFolder(folder, 1e9), new CacheFolder(folder, 1e9)];
    const entries = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        (caches[index % 2] ?? new CacheFolder(folder, 1e9)).open(
          "a",
          file(10, () => (made += 1)),
          never,
        ),
      ),
    );
    expect(made).toBe(1);
    expect(entries.filter((entry) => entry.isNew === true)).toHaveLength(1);
    expect(entries[0]?.facts).toMatchObject({ key: "a", bytes: 10, note: "made" });
  });

  it("leaves nothing of an attempt that failed or died", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 1e9);
    await expect(cache.open("a", () => Promise.reject(new Error("no network")), never)).rejects.toThrow("no network");
    expect(readdirSync(join(folder, "entries"))).toEqual([]);
    mkdirSync(join(folder, "entries", "a"));
    writeFileSync(join(folder, "entries", "a", "half"), "");
    writeFileSync(join(folder, "locks", "a"), String(deadProcess));
    await using entry = await cache.open("a", file(1), never);
    expect(readdirSync(entry.path)).toEqual(["file"]);
  });

  it("takes a lock over from an earlier process with its own number: in a container every agent is process 1", () => {
    const path = join(aFolder(), "lock");
    expect(tryLock(path)).not.toBeNull();
    expect(tryLock(path)).toBeNull();
    writeFileSync(path, `${process.pid} 1`);
    expect(tryLock(path)).not.toBeNull();
  });

  it("makes an entry anew whose facts are torn, and lets them stand in no other's way", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 1e9);
    writeFileSync(join(folder, "complete", "torn.json"), "{");
    await using entry = await cache.open("a", file(1), never);
    expect(existsSync(entry.path)).toBe(true);
    await using torn = await cache.open("torn", file(2), never);
    expect(torn).toMatchObject({ isNew: true, facts: { bytes: 2 } });
  });

  it("makes an entry anew whose folder somebody has removed", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 1e9);
    await (await cache.open("a", file(1), never))[Symbol.asyncDispose]();
    rmSync(join(folder, "entries", "a"), { recursive: true });
    await using again = await cache.open("a", file(2), never);
    expect(again).toMatchObject({ isNew: true, facts: { bytes: 2 } });
  });

  it("removes what was used longest ago when it grows too large, and never what is in use", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 250);
    const used = await cache.open("used", file(100), never);
    await (await cache.open("old", file(100), never))[Symbol.asyncDispose]();
    await (await cache.open("new", file(100), never))[Symbol.asyncDispose]();
    const isThere = (key: string): boolean => existsSync(join(folder, "entries", key, "file"));
    expect({ used: isThere("used"), old: isThere("old"), new: isThere("new") }).toEqual({
      used: true,
      old: false,
      new: true,
    });
    await used[Symbol.asyncDispose]();
    await (await cache.open("newest", file(200), never))[Symbol.asyncDispose]();
    expect(["used", "new", "newest"].filter(isThere)).toEqual(["newest"]);
  });

  it("counts uses of living processes only", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 150);
    await (await cache.open("left", file(100), never))[Symbol.asyncDispose]();
    writeFileSync(join(folder, "uses", "left", `${deadProcess}.0`), "");
    await using entry = await cache.open("new", file(100), never);
    expect(existsSync(join(folder, "entries", "left"))).toBe(false);
    expect(existsSync(entry.path)).toBe(true);
  });

  it("takes uses of another place for living ones, for a day", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 150);
    await (await cache.open("left", file(100), never))[Symbol.asyncDispose]();
    const use = join(folder, "uses", "left", `${deadProcess}.elsewhere.0`);
    writeFileSync(use, foreignMark);
    await (await cache.open("new", file(100), never))[Symbol.asyncDispose]();
    expect(existsSync(join(folder, "entries", "left"))).toBe(true);
    age(use, 25);
    await (await cache.open("newest", file(100), never))[Symbol.asyncDispose]();
    expect(existsSync(join(folder, "entries", "left"))).toBe(false);
  });

  it("leaves a lock of another place alone, for a day", () => {
    const path = join(aFolder(), "lock");
    writeFileSync(path, foreignMark);
    expect(tryLock(path)).toBeNull();
    age(path, 23);
    expect(tryLock(path)).toBeNull();
    age(path, 25);
    expect(tryLock(path)).not.toBeNull();
  });

  it("takes an empty lock over: a full disk leaves such, and nobody holds it", () => {
    const path = join(aFolder(), "lock");
    writeFileSync(path, "");
    expect(tryLock(path)).not.toBeNull();
  });

  it("makes an entry anew that is no longer good, unless somebody works with it", async () => {
    const folder = aFolder();
    const cache = new CacheFolder(folder, 1e9);
    const isGood = ({ note }: { note: string }): boolean => note !== "made";
    const used = await cache.open("a", file(1), never);
    const again = await cache.open("a", file(2), never, isGood);
    expect(again.isNew).toBe(false);
    for (const each of [used, again]) await each[Symbol.asyncDispose]();
    await using renewed = await cache.open("a", file(2), never, isGood);
    expect(renewed).toMatchObject({ isNew: true, facts: { bytes: 2 } });
  });

  it("locks are held by one, and taken over from the dead", () => {
    const path = join(aFolder(), "lock");
    const release = tryLock(path);
    expect(release).not.toBeNull();
    expect(tryLock(path)).toBeNull();
    release?.();
    writeFileSync(path, String(deadProcess));
    expect(tryLock(path)).not.toBeNull();
  });
});
