// Requirements: 6.1.images, 6.1.cache, 6.1.copies
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { withFolderLock } from "./folder-lock.ts";
import { derivedForm, ImageCache, type ImageCopy } from "./image-cache.ts";
import { ImageRecipe, recipeHash } from "./recipe.ts";

const never = new AbortController().signal;
const KiB = 1024;
let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-images-"));
});

afterEach(() => rm(folder, { recursive: true }));

const recipe = (name: string): ImageRecipe => ImageRecipe.parse({ name, suite: "bookworm" });

/** Each image is 100 KiB. */
function aCache(options: { bytesMax?: number; failing?: boolean; copies?: () => Promise<ImageCopy[]> } = {}): {
  images: ImageCache;
  built: string[];
} {
  const built: string[] = [];
  const images = new ImageCache({
    folder,
    bytesMax: options.bytesMax ?? Number.MAX_SAFE_INTEGER,
    build: async ({ name }, root) => {
      built.push(name);
      await writeFile(join(root, "content"), Buffer.alloc(100 * KiB, name));
      await delay(20);
      if (options.failing === true) throw new Error("no such package");
    },
    ...(options.copies !== undefined && { copies: options.copies }),
    log: { info: () => {} },
  });
  return { images, built };
}

describe("the image cache", () => {
  it("builds an image once, however many ask at a time and whoever asks later", async () => {
    const [one, other] = [aCache(), aCache()];
    const held = await Promise.all([one, other, one].map(({ images }) => images.acquire(recipe("a"), never)));
    expect([...one.built, ...other.built]).toEqual(["a"]);
    expect(new Set(held.map(({ ref }) => ref.path)).size).toBe(1);
    expect(await readFile(join(held[0]?.ref.path ?? "", "content"))).toHaveLength(100 * KiB);
    await using again = await other.images.acquire(recipe("a"), never);
    expect(again.ref).toEqual({
      kind: "root",
      path: join(folder, recipeHash(recipe("a")), "root"),
      hash: expect.any(String),
    });
  });

  it("takes no lock from an owner that is just writing its name", async () => {
    await mkdir(join(folder, "lock"));
    await writeFile(join(folder, "lock", "owner"), "");
    const taken = withFolderLock(join(folder, "lock"), () => Promise.resolve(), { signal: never, waitMs: 200 });
    await expect(taken).rejects.toMatchObject({ code: "ENVIRONMENT_UNAVAILABLE" });
  });

  it("publishes nothing of a build that fails, and builds anew after it", async () => {
    const broken = aCache({ failing: true });
    await expect(broken.images.acquire(recipe("a"), never)).rejects.toThrow("no such package");
    expect(await broken.images.has(recipe("a"))).toBe(false);
    expect(await readdir(folder)).toEqual([]);
    await using held = await aCache().images.acquire(recipe("a"), never);
    expect(existsSync(join(held.ref.path, "content"))).toBe(true);
  });

  it("builds over what a dead process has left, and takes over its lock", async () => {
    const hash = recipeHash(recipe("a"));
    const dead = Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
    await mkdir(join(folder, `${hash}.draft/root`), { recursive: true });
    await writeFile(join(folder, `${hash}.draft/root/half`), "x");
    for (const lock of [`${hash}.building`, "lock"]) {
      await mkdir(join(folder, lock));
      await writeFile(join(folder, lock, "owner"), `${dead} 1`);
    }
    await using held = await aCache().images.acquire(recipe("a"), never);
    expect(await readdir(held.ref.path)).toEqual(["content"]);
  });

  it("evicts what was used longest ago once the budget is exceeded, and never what is used", async () => {
    const { images, built } = aCache({ bytesMax: 300 * KiB });
    await using used = await images.acquire(recipe("a"), never);
    for (const name of ["b", "c", "d"]) {
      await (await images.acquire(recipe(name), never))[Symbol.asyncDispose]();
      await delay(15);
    }
    const left = await images.list();
    expect(left.map(({ name, isUsed }) => [name, isUsed])).toEqual([
      ["d", false],
      ["a", true],
    ]);
    expect(existsSync(join(used.ref.path, "content"))).toBe(true);
    await (await images.acquire(recipe("b"), never))[Symbol.asyncDispose]();
    expect(built).toEqual(["a", "b", "c", "d", "b"]);
    expect((await readdir(folder)).filter((name) => !/^[0-9a-f]{64}$/.test(name))).toEqual([]);
  });

  it("keeps an image in use even alone above the budget, and lets it go when its user has died", async () => {
    const { images } = aCache({ bytesMax: KiB });
    const held = await images.acquire(recipe("a"), never);
    expect(await images.evict(never)).toEqual([]);
    await held[Symbol.asyncDispose]();
    const dead = Number(execFileSync("sh", ["-c", "echo $$"], { encoding: "utf8" }));
    await writeFile(join(held.ref.path, "../users/left"), `${dead} 1`);
    expect(await images.evict(never)).toEqual([held.ref.hash]);
  });

  it("counts the copies that others keep, and lets them go first and only where they are not in use", async () => {
    const removed: string[] = [];
    let answers = true;
    const copy = (name: string, more: { isUsed?: boolean; isWhole?: boolean } = {}): ImageCopy => ({
      isOf: (hash) => hash === recipeHash(recipe(name)),
      isWhole: more.isWhole ?? true,
      bytes: 1_000 * KiB,
      remove: () => {
        if (more.isUsed !== true) removed.push(name);
        return Promise.resolve(more.isUsed !== true);
      },
    });
    const all = [
      copy("held"),
      copy("held", { isWhole: false }),
      copy("busy", { isUsed: true }),
      copy("idle"),
      copy("gone"),
      copy("idle", { isWhole: false }),
      copy("gone-and-busy", { isUsed: true }),
    ];
    const copies = (): Promise<ImageCopy[]> =>
      answers
        ? Promise.resolve(all.filter(({ isOf }) => !removed.some((name) => isOf(recipeHash(recipe(name))))))
        : Promise.reject(new Error("no daemon"));
    const { images: filling } = aCache();
    await using _held = await filling.acquire(recipe("held"), never);
    for (const name of ["busy", "idle"]) await (await filling.acquire(recipe(name), never))[Symbol.asyncDispose]();
    const { images } = aCache({ bytesMax: 2_000 * KiB, copies });
    const sizes = new Map((await images.list()).map(({ name, bytes }) => [name, Math.floor(bytes / (1_000 * KiB))]));
    expect(sizes).toEqual(
      new Map([
        ["held", 2],
        ["busy", 1],
        ["idle", 2],
      ]),
    );
    expect(await images.evict(never)).toEqual([recipeHash(recipe("idle"))]);
    expect(removed.toSorted()).toEqual(["gone", "idle", "idle"]);
    expect((await images.list()).map(({ name }) => name).toSorted()).toEqual(["busy", "held"]);
    // A store that does not answer counts for nothing and keeps nobody from the rest.
    answers = false;
    await (await images.acquire(recipe("idle"), never))[Symbol.asyncDispose]();
    expect((await images.list()).every(({ bytes }) => bytes < 1_000 * KiB)).toBe(true);
  });

  it("makes a driver's form of an image once, beside it", async () => {
    await using held = await aCache().images.acquire(recipe("a"), never);
    let made = 0;
    const make = async (path: string): Promise<void> => {
      made += 1;
      await delay(10);
      await writeFile(path, "disk");
    };
    const paths = await Promise.all([1, 2, 3].map(() => derivedForm(held.ref, "disk", make, never)));
    expect(made).toBe(1);
    expect(await readFile(paths[2] ?? "", "utf8")).toBe("disk");
  });
});

describe("a recipe", () => {
  it("has the same hash in any order of its packages, and another for any other content", () => {
    const of = (more: object): string => recipeHash(ImageRecipe.parse({ name: "x", suite: "bookworm", ...more }));
    expect(of({ packages: ["git", "less"] })).toBe(of({ packages: ["less", "git"] }));
    const kinds = [
      {},
      { packages: ["git"] },
      { pip: ["git"] },
      { npm: ["git"] },
      { run: ["git"] },
      { suite: "trixie" },
    ];
    const hashes = [...kinds, { files: [{ path: "/a", content: "" }] }, { run: ["a", "b"] }, { run: ["b", "a"] }].map(
      of,
    );
    expect(new Set(hashes).size).toBe(hashes.length);
  });

  it.each([
    ["a name with a slash", { name: "../x" }],
    ["a package that is an option", { packages: ["--allow-unauthenticated"] }],
    ["a package with a quote", { pip: ["x'; rm -rf /"] }],
    ["a file outside the image", { files: [{ path: "/../etc/passwd", content: "" }] }],
    ["a field that does not exist", { package: ["git"] }],
  ])("is refused with %s", (_, more) => {
    expect(ImageRecipe.safeParse({ name: "x", suite: "bookworm", ...more }).success).toBe(false);
  });
});
