// Images on this machine by the hash of their recipe, each in a folder of its own: the root file system, and beside it
// the forms that drivers derive from it (a disk). Built once however many ask, published by one rename, and evicted by
// last use when all together exceed the budget, but never while any process uses them. Copies that a container daemon
// keeps of them count and go with them.
import { execFile } from "node:child_process";
import { mkdir, readdir, readFile, rename, rm, stat, utimes, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@hindcast/shared";
import { processMark } from "../process-mark.ts";
import { isAlive, withFolderLock } from "./folder-lock.ts";
import type { ImageRef } from "../sandbox/sandbox.ts";
import { type ImageRecipe, recipeHash } from "./recipe.ts";

const run = promisify(execFile);

export interface ImageCacheOptions {
  folder: string;
  /** Of all images together; one that is used may exceed it. */
  bytesMax: number;
  /** Fills an empty folder with the root file system of a recipe. */
  build: (recipe: ImageRecipe, root: string, signal: AbortSignal) => Promise<void>;
  /** What others keep of this folder's images. @default nothing */
  copies?: () => Promise<ImageCopy[]>;
  log: { info: (fields: object, message: string) => void };
}

/** An image in another's store, made from one that is or was here. */
export interface ImageCopy {
  isOf: (hash: string) => boolean;
  /** False: its making was broken off, or goes on. */
  isWhole: boolean;
  bytes: number;
  /** False: it is in use and stays. */
  remove: () => Promise<boolean>;
}

/** While it is held, the image stays. */
export interface HeldImage extends AsyncDisposable {
  ref: ImageRef & { kind: "root" };
}

export interface CachedImage {
  hash: string;
  name: string;
  /** With its copies. */
  bytes: number;
  lastUsedAt: Date;
  isUsed: boolean;
}

let holds = 0;

export class ImageCache {
  readonly #options: ImageCacheOptions;

  constructor(options: ImageCacheOptions) {
    this.#options = options;
  }

  /** Builds the image where it is not there. @throws ENVIRONMENT_SETUP_FAILED, ENVIRONMENT_UNAVAILABLE */
  async acquire(recipe: ImageRecipe, signal: AbortSignal): Promise<HeldImage> {
    const { folder } = this.#options;
    await mkdir(folder, { recursive: true });
    const hash = recipeHash(recipe);
    const held =
      (await this.#hold(hash, signal)) ??
      (await withFolderLock(
        join(folder, `${hash}.building`),
        async () => {
          // Another process may have built it while we waited.
          const there = await this.#hold(hash, signal);
          if (there !== null) return there;
          await this.#make(recipe, hash, signal);
          return await this.#hold(hash, signal);
        },
        { signal },
      ));
    if (held === null) throw new Error(`image ${hash} was removed by hand while it was built`);
    await this.evict(signal);
    return held;
  }

  async has(recipe: ImageRecipe): Promise<boolean> {
    return (await stat(join(this.#options.folder, recipeHash(recipe))).catch(() => null)) !== null;
  }

  /** Every image that is here, the one used last first. */
  async list(): Promise<CachedImage[]> {
    return withCopies(await this.#listOwn(), await this.#copies());
  }

  async #listOwn(): Promise<CachedImage[]> {
    const names = await readdir(this.#options.folder).catch(() => []);
    const images = await Promise.all(
      names.filter((name) => /^[0-9a-f]{64}$/.test(name)).map((hash) => this.#read(hash)),
    );
    return images.filter((image) => image !== null).toSorted((a, b) => b.lastUsedAt.getTime() - a.lastUsedAt.getTime());
  }

  /** Removes what was not used for longest until the rest fits. Returns the hashes that went. */
  async evict(signal: AbortSignal): Promise<string[]> {
    const { folder, bytesMax, log } = this.#options;
    const gone: string[] = [];
    await this.#exclusively(signal, async () => {
      const own = await this.#listOwn();
      const all = await this.#copies();
      const lost = withoutImage(all, own);
      const copies = all.filter((copy) => !lost.includes(copy));
      const images = withCopies(own, copies);
      let total = await bytesLeftOf(lost);
      total += images.reduce((sum, { bytes }) => sum + bytes, 0);
      for (const { hash, name, bytes, isUsed } of images.toReversed()) {
        if (total <= bytesMax) break;
        if (isUsed) continue;
        // A container that is left of a dead process has its image in use, and our marks do not know.
        if ((await bytesLeftOf(copies.filter((copy) => copy.isOf(hash)))) > 0) continue;
        // Out of sight at once; taking it apart may be interrupted and is finished by the next eviction.
        await rename(join(folder, hash), join(folder, `${hash}.removed`));
        total -= bytes;
        gone.push(hash);
        log.info({ event: "image.evicted", hash, name, bytes }, "the images exceed their budget");
      }
    });
    const removed = (await readdir(folder)).filter((name) => name.endsWith(".removed"));
    for (const name of removed) await rm(join(folder, name), { recursive: true, force: true });
    return gone;
  }

  /** A store that does not answer keeps its copies until it does: they are then found without their image. */
  async #copies(): Promise<ImageCopy[]> {
    const { copies, log } = this.#options;
    if (copies === undefined) return [];
    return await copies().catch((error: unknown) => {
      log.info({ event: "image.copies-unknown", err: error }, `copies of images do not count: ${messageOf(error)}`);
      return [];
    });
  }

  async #make(recipe: ImageRecipe, hash: string, signal: AbortSignal): Promise<void> {
    const { folder, build, log } = this.#options;
    // What a process left that died while it built; we hold the lock.
    const draft = join(folder, `${hash}.draft`);
    await rm(draft, { recursive: true, force: true });
    await mkdir(join(draft, "root"), { recursive: true });
    await mkdir(join(draft, "users"));
    const startedAt = performance.now();
    try {
      await build(recipe, join(draft, "root"), signal);
      await writeFile(join(draft, "image.json"), JSON.stringify({ name: recipe.name }));
      await rename(draft, join(folder, hash));
    } catch (error) {
      await rm(draft, { recursive: true, force: true });
      throw error;
    }
    const durationMs = performance.now() - startedAt;
    log.info({ event: "image.built", hash, name: recipe.name, durationMs }, "image built");
  }

  async #hold(hash: string, signal: AbortSignal): Promise<HeldImage | null> {
    const path = join(this.#options.folder, hash);
    const mark = join(path, "users", `${process.pid}-${holds++}`);
    return await this.#exclusively(signal, async () => {
      try {
        await writeFile(mark, processMark(process.pid) ?? "");
      } catch (error) {
        if (error instanceof Error && "code" in error && error.code === "ENOENT") return null;
        throw error;
      }
      const now = new Date();
      await utimes(join(path, "image.json"), now, now);
      return {
        ref: { kind: "root", path: join(path, "root"), hash },
        [Symbol.asyncDispose]: () => rm(mark, { force: true }),
      };
    });
  }

  async #read(hash: string): Promise<CachedImage | null> {
    const path = join(this.#options.folder, hash);
    try {
      const description = join(path, "image.json");
      const { name } = JSON.parse(await readFile(description, "utf8")) as { name: string };
      const { stdout } = await run("du", ["-s", "-B1", "-x", path]);
      const lastUsedAt = (await stat(description)).mtime;
      return { hash, name, bytes: Number(stdout.split("\t")[0]), lastUsedAt, isUsed: await hasUsers(path) };
    } catch {
      // Removed while it was looked at.
      return null;
    }
  }

  async #exclusively<T>(signal: AbortSignal, work: () => Promise<T>): Promise<T> {
    return await withFolderLock(join(this.#options.folder, "lock"), work, { signal });
  }
}

function withCopies(images: readonly CachedImage[], copies: readonly ImageCopy[]): CachedImage[] {
  return images.map((image) => ({
    ...image,
    bytes: copies.filter(({ isOf }) => isOf(image.hash)).reduce((sum, { bytes }) => sum + bytes, image.bytes),
  }));
}

/** Copies that nobody will open a sandbox from: of images that are gone, and unfinished ones that nobody works on. */
function withoutImage(copies: readonly ImageCopy[], images: readonly CachedImage[]): ImageCopy[] {
  return copies.filter(({ isOf, isWhole }) => !images.some(({ hash, isUsed }) => isOf(hash) && (isWhole || isUsed)));
}

/** Removes copies. Returns the size of those that stay: they are in use, or their store does not answer. */
async function bytesLeftOf(copies: readonly ImageCopy[]): Promise<number> {
  let left = 0;
  for (const { bytes, remove } of copies) if (!(await remove().catch(() => false))) left += bytes;
  return left;
}

async function hasUsers(path: string): Promise<boolean> {
  const users = join(path, "users");
  const marks = await readdir(users);
  const alive = await Promise.all(
    marks.map(async (name) => {
      const mark = await readFile(join(users, name), "utf8").catch(() => "");
      if (isAlive(mark)) return true;
      await rm(join(users, name), { force: true });
      return false;
    }),
  );
  return alive.includes(true);
}

/**
 * A form of an image that a driver needs, made once beside its root: `<image>/<name>`.
 * @param make writes it to the path it is given
 */
export async function derivedForm(
  ref: ImageRef & { kind: "root" },
  name: string,
  make: (path: string) => Promise<void>,
  signal: AbortSignal,
): Promise<string> {
  const folder = join(ref.path, "..");
  const path = join(folder, name);
  const isThere = async (): Promise<boolean> => (await stat(path).catch(() => null)) !== null;
  if (await isThere()) return path;
  await withFolderLock(
    `${path}.making`,
    async () => {
      if (await isThere()) return;
      const draft = `${path}.draft`;
      await rm(draft, { recursive: true, force: true });
      await make(draft);
      await rename(draft, path);
    },
    { signal },
  );
  return path;
}
