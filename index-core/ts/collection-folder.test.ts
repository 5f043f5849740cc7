// Folders of a collection: what is kept, and every folder that must not be opened.
// Requirements: 4.bad-input, 4.2.bf16
import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, onTestFinished, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { Collection, type CollectionOptions } from "./collection.ts";
import { DemonstrationIndex } from "./demonstration-index.ts";

const options = { dimensions: 2, embedder: "test", field: "query", columns: ["task"] } satisfies CollectionOptions;
const east = Float32Array.of(1, 0);

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "index-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  return folder;
}

/** A folder with a checkpoint of two rows at sequence 7. */
async function aKeptCollection(): Promise<string> {
  const folder = aFolder();
  await using collection = await Collection.open({ ...options, folder });
  const columns = { task: ["git", null] };
  await collection.upsert({ ids: ["a", "b"], vectors: Float32Array.of(1, 0, 0, 1), columns });
  await collection.checkpoint(7);
  return folder;
}

/** Root may write everywhere; what is shown to hold back others is tried as one of them. */
async function asOrdinaryUser<T>(work: () => Promise<T>): Promise<T> {
  const isRoot = process.geteuid?.() === 0;
  if (isRoot) process.seteuid?.(65_534);
  try {
    return await work();
  } finally {
    if (isRoot) process.seteuid?.(0);
  }
}

async function nearest(collection: Collection): Promise<(string | null)[]> {
  return await collection.resolve((await collection.search({ vectors: east, k: 9 })).rows);
}

async function expectIntact(folder: string): Promise<void> {
  await using collection = await Collection.open({ ...options, folder });
  expect(collection.sequence).toBe(7);
  expect(await nearest(collection)).toEqual(["a", "b"]);
}

const refused = (code: string, ...parts: string[]): object => ({
  code,
  boundary: "index",
  message: expect.stringMatching(new RegExp(parts.map((part) => RegExp.escape(part)).join(".*"), "s")) as string,
});

test("a checkpoint is opened again, with its sequence, and names files that are there", async () => {
  const folder = aFolder();
  await using collection = await Collection.open({ ...options, folder });
  expect(collection.sequence).toBe(0);
  await collection.upsert({ ids: ["a", "b"], vectors: Float32Array.of(1, 0, 0, 1) });
  const { sequence, files } = await collection.checkpoint(7);
  expect(sequence).toBe(7);
  expect(files.at(-1)?.name).toBe("MANIFEST");
  for (const { name, bytes } of files) expect(statSync(join(folder, name)).size).toBe(bytes);
  await collection.upsert({ ids: ["later"], vectors: east });
  await collection.close();
  await expectIntact(folder);
});

describe("one holder", () => {
  test("a folder that is open here is INDEX_LOCKED, until it is closed", async () => {
    const folder = await aKeptCollection();
    const first = await Collection.open({ ...options, folder });
    const second = Collection.open({ ...options, folder });
    await expect(second).rejects.toMatchObject(refused("INDEX_LOCKED", folder, String(process.pid)));
    expect(await nearest(first)).toEqual(["a", "b"]);
    await first.close();
    await expectIntact(folder);
  });

  test("a folder that another process has open names it, and is free as soon as that is killed", async () => {
    const folder = await aKeptCollection();
    const program = `import { Collection } from ${JSON.stringify(new URL("collection.ts", import.meta.url).href)};
      await Collection.open(${JSON.stringify({ ...options, folder })});
      console.log("open");
      setInterval(() => {}, 1_000);`;
    const holder = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    onTestFinished(() => void holder.kill("SIGKILL"));
    expect(String((await once(holder.stdout, "data"))[0])).toBe("open\n");
    const second = Collection.open({ ...options, folder });
    await expect(second).rejects.toMatchObject({
      ...refused("INDEX_LOCKED", folder, `the process ${holder.pid}`),
      retryable: true,
    });
    await expect(DemonstrationIndex.discard(folder)).rejects.toMatchObject(refused("INDEX_LOCKED", folder));
    holder.kill("SIGKILL");
    await once(holder, "exit");
    await expectIntact(folder);
  });

  test("closing while writes, searches and builds are under way frees the folder", async () => {
    const folder = await aKeptCollection();
    const collection = await Collection.open({ ...options, folder });
    const vectors = Float32Array.from({ length: 40_000 }, (_, at) => Math.sin(at) + 1.5);
    const ids = Array.from({ length: 20_000 }, (_, at) => `row-${at}`);
    const work = [
      collection.upsert({ ids, vectors }),
      collection.optimise(),
      collection.search({ vectors: east, k: 3 }),
      collection.checkpoint(8),
      collection.settle(),
    ];
    const outcomes = Promise.allSettled(work);
    await collection.close();
    for (const outcome of await outcomes) {
      if (outcome.status === "rejected") expect(outcome.reason).toMatchObject({ code: "INDEX_CLOSED" });
    }
    const again = await Collection.open({ ...options, folder });
    expect([7, 8]).toContain(again.sequence);
    await again.close();
  });
});

describe("a folder that cannot be one", () => {
  test("a file", async () => {
    const path = join(aFolder(), "file");
    writeFileSync(path, "text");
    await expect(Collection.open({ ...options, folder: path })).rejects.toMatchObject(refused("INDEX_IO", path));
    expect(readFileSync(path, "utf8")).toBe("text");
  });

  test("a name with a zero byte, and one that is too long", async () => {
    for (const folder of ["zero\0byte", join(tmpdir(), "x".repeat(300))]) {
      await expect(Collection.open({ ...options, folder })).rejects.toMatchObject({ code: "INDEX_IO" });
    }
  });

  test("one that is read-only: nothing of it is opened, and nothing is lost", async () => {
    const [empty, kept] = [aFolder(), await aKeptCollection()];
    for (const folder of [empty, kept]) {
      chmodSync(folder, 0o555);
      for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o444);
      const opening = asOrdinaryUser(async () => await Collection.open({ ...options, folder }));
      await expect(opening).rejects.toMatchObject({ ...refused("INDEX_IO", folder, "denied"), retryable: true });
      for (const name of readdirSync(folder)) chmodSync(join(folder, name), 0o644);
      chmodSync(folder, 0o755);
    }
    await expectIntact(kept);
  });

  test("one that vanished: the checkpoint fails, the collection answers on, and the call can be repeated", async () => {
    const folder = join(aFolder(), "inner");
    await using collection = await Collection.open({ ...options, folder });
    await collection.upsert({ ids: ["a"], vectors: east });
    rmSync(folder, { recursive: true });
    await expect(collection.checkpoint(1)).rejects.toMatchObject({ ...refused("INDEX_IO", folder), retryable: true });
    expect(await nearest(collection)).toEqual(["a"]);
    mkdirSync(folder);
    expect((await collection.checkpoint(1)).sequence).toBe(1);
  });
});

describe("a folder of something else", () => {
  test.each<[string, Partial<CollectionOptions>]>([
    ["embedder", { embedder: "other" }],
    ["dimensions", { dimensions: 3 }],
    ["field", { field: "observation" }],
    ["columns", { columns: ["task", "site"] }],
    ["columns' names", { columns: ["a,b"] }],
    ["columns' kind", { columns: [], numbers: ["task"] }],
    ["storage", { storage: "bf16" }],
  ])("other %s", async (_, changes) => {
    const folder = await aKeptCollection();
    const opening = Collection.open({ ...options, ...changes, folder });
    await expect(opening).rejects.toMatchObject(refused("INDEX_FOREIGN", folder));
    await expectIntact(folder);
  });

  test("an index of demonstrations", async () => {
    const folder = await aKeptCollection();
    await expect(DemonstrationIndex.open({ folder })).rejects.toMatchObject(
      refused("INDEX_FOREIGN", folder, "hash-v1"),
    );
    await expectIntact(folder);
  });

  test("demonstrations of another embedder", async () => {
    const folder = aFolder();
    {
      await using index = await DemonstrationIndex.open({ folder });
      await index.upsert([aDemonstrationOf(1, { instruction: "create a tag" })]);
      await index.checkpoint(3);
    }
    const embedder = { name: "other", dimensions: 1024 };
    const opening = DemonstrationIndex.open({ folder, embedder });
    await expect(opening).rejects.toMatchObject(refused("INDEX_FOREIGN", "hash-v1", "other"));
    await using index = await DemonstrationIndex.open({ folder });
    expect(index.sequence).toBe(3);
    const [answer] = await index.search([aRetrievalQuery({ query: "tag", modelBased: 1 })]);
    expect(answer?.hits).toHaveLength(1);
  });
});

test("a folder of bf16 rows opens as such only, and the refusal says how to rebuild it", async () => {
  const folder = aFolder();
  const rounded = { ...options, storage: "bf16", folder } satisfies CollectionOptions;
  {
    await using collection = await Collection.open(rounded);
    await collection.upsert({ ids: ["a", "b"], vectors: Float32Array.of(1, 0, 2, 1) });
    expect(await collection.stats()).toMatchObject({ storage: "bf16", rowBytes: 2 * (2 * 2 + 4) });
    await collection.checkpoint(7);
  }
  await expect(Collection.open({ ...options, folder })).rejects.toMatchObject(
    refused("INDEX_FOREIGN", folder, "bf16", "not as f32", "rebuild"),
  );
  await using collection = await Collection.open(rounded);
  const [a, b, none] = await collection.vectors(["a", "b", "nobody"]);
  expect(a).toEqual(east);
  // 2/√5 and 1/√5, rounded to eight bits.
  expect(b).toEqual(Float32Array.of(0.89453125, 0.447265625));
  expect(none).toBeNull();
  const own = await collection.search({ vectors: b!, k: 1 });
  expect([await collection.resolve(own.rows), own.scores[0]]).toEqual([["b"], 1]);
});

describe("a folder of a later version, or damaged", () => {
  test("INDEX_NEWER names both versions and touches nothing", async () => {
    const folder = await aKeptCollection();
    const path = join(folder, "MANIFEST");
    const ours = readFileSync(path);
    // `<kind> <version> <bytes of the body> <xxh3 of the line before it and the body>`, as a later version writes it.
    writeFileSync(path, "HINDCAST-MANIFEST 4 3 86083244bedfdfca\n{}\n");
    const files = readdirSync(folder).toSorted();
    await expect(Collection.open({ ...options, folder })).rejects.toMatchObject(refused("INDEX_NEWER", path, "4", "3"));
    expect(readdirSync(folder).toSorted()).toEqual(files);
    writeFileSync(path, ours);
    await expectIntact(folder);
  });

  test("a version that was changed by hand is damage, not a later version", async () => {
    const folder = await aKeptCollection();
    const path = join(folder, "MANIFEST");
    writeFileSync(path, readFileSync(path, "utf8").replace("HINDCAST-MANIFEST 1 ", "HINDCAST-MANIFEST 2 "));
    rmSync(join(folder, "MANIFEST.previous"), { force: true });
    await expect(Collection.open({ ...options, folder })).rejects.toMatchObject(refused("INDEX_CORRUPT", path));
  });

  const damages: [string, (bytes: Buffer) => Buffer | null][] = [
    ["missing", () => null],
    ["empty", () => Buffer.alloc(0)],
    ["cut", (bytes) => bytes.subarray(0, bytes.length / 2)],
    ["of zeros", (bytes) => Buffer.alloc(bytes.length)],
    ["other in one bit", (bytes) => bytes.with(bytes.length >> 1, bytes[bytes.length >> 1]! ^ 1) as Buffer],
  ];
  test.each(damages)("a segment that is %s is INDEX_CORRUPT and named, and discard makes room", async (_, damage) => {
    const folder = await aKeptCollection();
    const segment = readdirSync(folder).find((name) => name.endsWith(".segment"))!;
    const path = join(folder, segment);
    const damaged = damage(readFileSync(path));
    if (damaged === null) rmSync(path);
    else writeFileSync(path, damaged);
    await expect(Collection.open({ ...options, folder })).rejects.toMatchObject(refused("INDEX_CORRUPT", segment));
    writeFileSync(join(folder, "notes.txt"), "not ours");
    await DemonstrationIndex.discard(folder);
    expect(existsSync(path)).toBe(false);
    expect(readFileSync(join(folder, "notes.txt"), "utf8")).toBe("not ours");
    await using collection = await Collection.open({ ...options, folder });
    expect(await nearest(collection)).toEqual([]);
  });
});

describe("discard", () => {
  test("refuses a folder that is open, and one that is no path", async () => {
    const folder = await aKeptCollection();
    {
      await using collection = await Collection.open({ ...options, folder });
      await expect(DemonstrationIndex.discard(folder)).rejects.toMatchObject(refused("INDEX_LOCKED", folder));
      expect(await nearest(collection)).toEqual(["a", "b"]);
    }
    await expectIntact(folder);
    for (const bad of ["", 7 as unknown as string]) {
      await expect(DemonstrationIndex.discard(bad)).rejects.toMatchObject({ code: "INDEX_INVALID" });
    }
  });
});
