// Requirements: 4.6.shipping
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@hindcast/shared/node";
import { expect, onTestFinished, test } from "vitest";
import { indexOfStream } from "./demonstrations-stream.ts";

test("what stream an index is of is noted once, and an index of another gives way to an empty one", async () => {
  const parent = await mkdtemp(join(tmpdir(), "hindcast-stream-"));
  onTestFinished(() => rm(parent, { recursive: true, force: true }));
  const folder = join(parent, "index");
  const beside = join(parent, "index.applying.json");
  const note = join(parent, "index.stream");
  const closed: string[] = [];
  const open = async (): Promise<{ name: string; close: () => Promise<void> }> => {
    await mkdir(folder, { recursive: true });
    const name = `opened after ${closed.length}`;
    return { name, close: () => Promise.resolve(void closed.push(name)) };
  };
  const first = await open();
  const of = (born: string): typeof first extends infer I ? Promise<I> : never =>
    indexOfStream(first, open, { folder, born, beside, logger: silentLogger });

  expect(await of("monday")).toBe(first);
  const { ino } = await stat(note);
  await writeFile(join(folder, "segment"), "rows");
  await writeFile(beside, "{}");
  expect(await of("monday")).toBe(first);
  // Written again, it would be another file: for a moment a crash could leave none, or an empty one.
  expect((await stat(note)).ino).toBe(ino);

  expect((await of("tuesday")).name).toBe("opened after 1");
  expect(await readFile(note, "utf8")).toBe("tuesday");
  expect([await readdir(folder), await readdir(parent)]).toEqual([[], ["index", "index.stream"]]);
});
