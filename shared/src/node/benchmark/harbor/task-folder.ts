import { mkdir, readdir, readFile, stat, writeFile } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

/** A Harbor task as its files; paths are relative, with `/`. */
export interface HarborFolder {
  name: string;
  files: ReadonlyMap<string, Uint8Array>;
}

/** Files that make a folder a task. */
export const requiredFiles = ["task.toml", "instruction.md", "tests/test.sh"] as const;

/** @throws PROTOCOL_INVALID for a folder that is no task, PROTOCOL_TOO_LARGE */
export async function readHarborFolder(path: string): Promise<HarborFolder> {
  const files = new Map<string, Uint8Array>();
  let bytes = 0;
  const walk = async (below: string): Promise<void> => {
    for (const entry of await readdir(join(path, below), { withFileTypes: true })) {
      const name = below === "" ? entry.name : `${below}/${entry.name}`;
      if (entry.isDirectory()) await walk(name);
      // Links may lead anywhere; Harbor's own uploads do not follow them either.
      if (!entry.isFile()) continue;
      bytes += (await stat(join(path, name))).size;
      if (files.size >= limits.harborFilesMax || bytes > limits.harborBytesMax) {
        throw tooLarge(
          `the task folder ${path} has more than ${limits.harborFilesMax} files or ${limits.harborBytesMax} bytes`,
        );
      }
      files.set(name, await readFile(join(path, name)));
    }
  };
  await walk("");
  const missing = requiredFiles.filter((name) => !files.has(name));
  if (missing.length > 0) throw invalid(`${path} is no Harbor task: ${missing.join(", ")} missing`);
  return { name: basename(resolve(path)), files: new Map([...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) };
}

/** Writes the task as a folder of its name below `directory`. @returns its path */
export async function writeHarborFolder(directory: string, { name, files }: HarborFolder): Promise<string> {
  const folder = join(directory, name);
  for (const [path, content] of files) {
    await mkdir(dirname(join(folder, path)), { recursive: true });
    await writeFile(join(folder, path), content, { mode: path.endsWith(".sh") ? 0o755 : 0o644 });
  }
  return folder;
}

function invalid(message: string): HindcastError {
  return new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message });
}

function tooLarge(message: string): HindcastError {
  return new HindcastError({ code: "PROTOCOL_TOO_LARGE", boundary: "protocol", message });
}
