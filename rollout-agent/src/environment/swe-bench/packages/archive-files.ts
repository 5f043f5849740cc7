// What a stranger's archive holds, read without laying any of it on disk. Nothing but files, and links that stay inside it,
// comes out.
import { lstatSync, readFileSync } from "node:fs";
import { dirname, normalize } from "node:path/posix";
import { gunzipSync } from "node:zlib";
import { HindcastError, messageOf } from "@hindcast/shared";
import { extract, type Header } from "tar-stream";
import { unavailable } from "../errors.ts";

/** Compressed; the largest source distributions of PyPI's hundred most wanted have some 40 MB. */
export const archiveBytesMax = 64 * 1024 ** 2;
const unpackedBytesMax = 256 * 1024 ** 2;
const filesMax = 20_000;

/** @throws ENVIRONMENT_UNAVAILABLE where it is no file, or a larger one */
export function readBounded(path: string, bytesMax: number): Buffer {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found?.isFile() !== true) throw unavailable(`there is no file ${path}`);
  if (found.size > bytesMax) throw unavailable(`${path} has ${found.size} bytes, and may have ${bytesMax}`);
  return readFileSync(path);
}

export interface ArchiveFile {
  /** As git has it. */
  mode: "100644" | "100755" | "120000";
  /** A link's are its target. */
  bytes: Buffer;
}

/**
 * Files by their path below the one folder that such archives have at their top.
 * @param name of the archive, for errors
 * @throws ENVIRONMENT_SETUP_FAILED naming the entry that is refused
 */
export async function readArchive(archive: Buffer, name: string): Promise<Map<string, ArchiveFile>> {
  const files = new Map<string, ArchiveFile>();
  const unpacked = extract();
  try {
    unpacked.end(gunzipSync(archive, { maxOutputLength: unpackedBytesMax }));
    let entries = 0;
    for await (const entry of unpacked) {
      if (++entries > filesMax) throw hostile(name, `has more than ${filesMax} entries`);
      const parts: Buffer[] = [];
      for await (const part of entry) parts.push(part as Buffer);
      keep(entry.header, Buffer.concat(parts), { files, name });
    }
  } catch (error) {
    if (error instanceof HindcastError) throw error;
    const isTooLarge = (error as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE";
    if (isTooLarge) throw hostile(name, `unpacks to more than ${unpackedBytesMax} bytes`, error);
    throw hostile(name, `cannot be read as a gzipped tar: ${messageOf(error)}`, error);
  }
  for (const path of files.keys()) {
    for (let above = dirname(path); above !== "."; above = dirname(above)) {
      if (files.has(above)) throw hostile(name, `has "${path}" below "${above}", which is no folder`);
    }
  }
  if (files.size === 0) throw hostile(name, "holds no file");
  return files;
}

function keep(
  { name: entry, type, mode, linkname }: Header,
  bytes: Buffer,
  { files, name }: { files: Map<string, ArchiveFile>; name: string },
): void {
  if (type === "directory") return;
  const path = pathInside(entry, name);
  if (type === "file" || type === "contiguous-file") {
    files.set(path, { mode: (mode & 0o111) === 0 ? "100644" : "100755", bytes });
    return;
  }
  const target = linkname ?? "";
  if (type === "symlink") {
    if (!staysInside(dirname(path), target)) {
      throw hostile(name, `has the link "${entry}" to "${target}", which leads out of it`);
    }
    files.set(path, { mode: "120000", bytes: Buffer.from(target) });
    return;
  }
  if (type === "link") {
    const same = files.get(pathInside(target, name));
    if (same === undefined)
      throw hostile(name, `has "${entry}" as another name of "${target}", which it does not hold`);
    files.set(path, same);
    return;
  }
  throw hostile(name, `holds a ${type ?? "thing of no type"}, "${entry}"`);
}

/** Up first and then down: past a name, ".." would go up from wherever that name leads. */
function staysInside(folder: string, target: string): boolean {
  if (target === "" || target.startsWith("/") || hasControls(target)) return false;
  const names = target.split("/");
  const down = names.findIndex((each) => each !== "." && each !== "..");
  if (down !== -1 && names.slice(down).includes("..")) return false;
  return !/^\.\.(\/|$)/.test(normalize(`${folder}/${target}`));
}

/** Without the archive's own folder. */
function pathInside(entry: string, name: string): string {
  const names = entry.split("/").filter((each) => each !== "" && each !== ".");
  const isOutside = entry.startsWith("/") || names.includes("..");
  if (isOutside || hasControls(entry))
    throw hostile(name, `has the name ${JSON.stringify(entry)}, which leads out of it`);
  if (names.some((each) => /^(\.git|git~\d+)[. ]*$/i.test(each))) {
    throw hostile(name, `has the name "${entry}", which is a repository's own`);
  }
  if (names.length < 2) throw hostile(name, `has "${entry}" beside its folder: such archives hold one folder`);
  return names.slice(1).join("/");
}

// oxlint-disable-next-line no-control-regex -- that is what is looked for
const hasControls = (text: string): boolean => /[\0-\x1f\x7f]/.test(text);

function hostile(name: string, what: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `the archive ${name} ${what}: none of it was kept`,
    cause,
  });
}
