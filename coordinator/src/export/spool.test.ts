// Requirements: 5.9.bounded
import { mkdtemp, readdir, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { Spool } from "./spool.ts";

let folder: string;
beforeEach(async () => (folder = await mkdtemp(join(tmpdir(), "hindcast-spool-"))));
afterEach(() => rm(folder, { recursive: true }));

describe("a spool", () => {
  it("gives the entries of a key in the order in which they came, whatever came between and whenever it is asked", async () => {
    const entry = fc.record({ key: fc.constantFrom("a", "b", "c"), bytes: fc.uint8Array({ maxLength: 200_000 }) });
    await fc.assert(
      fc.asyncProperty(fc.array(entry, { maxLength: 20 }), async (entries) => {
        await using spool = await Spool.create<string>(folder);
        const expected = new Map<string, Uint8Array[]>();
        for (const { key, bytes } of entries) {
          await spool.append(key, bytes);
          expected.set(key, [...(expected.get(key) ?? []), bytes]);
          // Readers overlap, as those of an export do.
          const read = await Promise.all(["a", "b", "c"].map((each) => spool.read(each)));
          const wanted = ["a", "b", "c"].map((each) => expected.get(each) ?? []);
          for (const [at, some] of read.entries())
            expect(Buffer.concat(some).equals(Buffer.concat(wanted[at]!))).toBe(true);
          expect(read.map((some) => some.length)).toEqual(wanted.map((some) => some.length));
        }
        expect([...spool.keys].sort()).toEqual([...expected.keys()].sort());
      }),
      { numRuns: 30 },
    );
  });

  it("forgets a key, and takes it up again without what was forgotten", async () => {
    await using spool = await Spool.create<string>(folder);
    await spool.append("a", Buffer.from("old"));
    spool.delete("a");
    expect(await spool.read("a")).toEqual([]);
    await spool.append("a", Buffer.from("new"));
    expect((await spool.read("a")).map(String)).toEqual(["new"]);
  });

  it("makes its folder and has no name in it, so that nothing stays behind", async () => {
    await using spool = await Spool.create<string>(join(folder, "made"));
    await spool.append("a", Buffer.alloc(600_000));
    expect(await readdir(join(folder, "made"))).toEqual([]);
    expect((await spool.read("a"))[0]).toHaveLength(600_000);
  });
});
