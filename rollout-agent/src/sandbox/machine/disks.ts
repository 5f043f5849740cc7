// Folders as read-only disks for virtual machines.
import { execFile } from "node:child_process";
import { mkdir, open, readdir, rename, rm, stat, utimes } from "node:fs/promises";
import { dirname, join } from "node:path";
import { promisify } from "node:util";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { withFolderLock } from "../../image/folder-lock.ts";
import { derivedForm } from "../../image/image-cache.ts";
import type { ImageRef, SandboxMount } from "../sandbox.ts";

const run = promisify(execFile);
const MiB = 1024 * 1024;
/** A listing of a folder with a million files. */
const listingBytesMax = 256 * MiB;
const searchPath = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/** The disk of an image, made once beside its root. */
export async function imageDisk(image: ImageRef & { kind: "root" }, signal: AbortSignal): Promise<string> {
  return await derivedForm(image, "disk.ext4", (path) => makeDisk(image.path, path, signal), signal);
}

/** A disk of a host folder as it is now; an earlier one serves while nothing in the folder has changed. */
export async function mountDisk({ source }: SandboxMount, folder: string, signal: AbortSignal): Promise<string> {
  const listing = await output("find", [source, "-printf", String.raw`%P\0%y%m%s %T@\0%l\0`], signal);
  const disks = join(folder, "mounts");
  const path = join(disks, `${sha256Hex(Buffer.from(`${source}\0${sortedListing(listing)}`)).slice(0, 32)}.ext4`);
  await mkdir(disks, { recursive: true });
  const isThere = async (): Promise<boolean> => (await stat(path).catch(() => null)) !== null;
  const make = async (): Promise<void> => {
    if (await isThere()) return;
    const draft = `${path}.draft`;
    await makeDisk(source, draft, signal);
    await rename(draft, path);
  };
  // Also among the slots of one process: of a draft that two write, neither gets a disk.
  if (!(await isThere())) await withFolderLock(`${path}.making`, make, { signal });
  await keepNewest(path, { prefix: "", keep: limits.machineMountDisksMax });
  return path;
}

/** Of one making of a disk: the random UUID of its file system, 0x68 bytes into the superblock (ext4's documentation). */
export async function diskMark(path: string): Promise<string> {
  await using file = await open(path);
  const { buffer } = await file.read(Buffer.alloc(16), 0, 16, 1_024 + 0x68);
  return buffer.toString("hex");
}

/** A file system without journal or checksums: nobody ever writes to it. */
async function makeDisk(source: string, path: string, signal: AbortSignal): Promise<void> {
  const [size = "0"] = (await output("du", ["-s", "-B1", source], signal)).split("\t");
  const entries = (await output("find", [source, "-printf", "."], signal)).length;
  const kibibytes = Math.ceil((Number(size) * 1.1 + 32 * MiB + entries * 512) / 1024);
  const format = ["-q", "-F", "-m", "0", "-b", "4096", "-O", "^has_journal,^metadata_csum,^resize_inode"];
  await rm(path, { force: true });
  await output("mkfs.ext4", [...format, "-N", String(entries + 1_000), "-d", source, path, `${kibibytes}k`], signal);
}

/**
 * Marks `path` as used now and forgets those beside it that were used longest ago. A machine that runs keeps its files
 * open, whatever their names.
 */
export async function keepNewest(path: string, { prefix, keep }: { prefix: string; keep: number }): Promise<void> {
  const now = new Date();
  await utimes(path, now, now);
  const folder = dirname(path);
  const names = (await readdir(folder)).filter(
    (name) => name.startsWith(prefix) && !/\.(draft|making|\d+)$/.test(name),
  );
  const found = await Promise.all(
    names.map(async (name) => ({ name, time: (await stat(join(folder, name)).catch(() => null))?.mtimeMs ?? 0 })),
  );
  const old = found.toSorted((first, second) => second.time - first.time).slice(keep);
  await Promise.all(old.map(({ name }) => rm(join(folder, name), { force: true })));
}

function sortedListing(listing: string): string {
  return listing.split("\0").toSorted().join("\n");
}

async function output(program: string, args: string[], signal: AbortSignal): Promise<string> {
  try {
    const env = { PATH: searchPath, LC_ALL: "C" };
    return (await run(program, args, { signal, env, maxBuffer: listingBytesMax })).stdout;
  } catch (error) {
    signal.throwIfAborted();
    throw new HindcastError({
      code: "SANDBOX_UNAVAILABLE",
      boundary: "sandbox",
      message: `a disk for a virtual machine could not be made: ${messageOf(error)}`,
      cause: error,
    });
  }
}
