// The files of a base commit on the host, for clients that read what a project names.
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "@hindcast/shared/node";
import { mustRun, type ProgramOptions } from "../host-program.ts";

/** The largest of SWE-bench's repositories lists 6 MB. */
const listBytesMax = 32 * 1024 * 1024;

export interface BaseTree {
  /** "psf/requests" */
  repository: string;
  commit: string;
  /** Holds `.git`, as `openBaseRepository` has it. */
  path: string;
}

const git = (folder: string): string[] => [
  "git",
  "-c",
  "safe.directory=*",
  "-c",
  "core.hooksPath=/dev/null",
  "--git-dir",
  join(folder, ".git"),
];
const options: ProgramOptions = {
  timeoutMs: 10 * 60_000,
  environment: { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LC_ALL: "C.UTF-8" },
  outputBytesMax: listBytesMax,
};

/** Paths of the commit's files with the hash of each. */
export async function filesOf({ path, commit }: BaseTree, signal: AbortSignal): Promise<Map<string, string>> {
  const listing = await mustRun([...git(path), "ls-tree", "-r", "-z", commit], options, signal);
  return new Map(
    listing.split("\0").flatMap((line): [string, string][] => {
      const [, hash = "", file = ""] = /^100\d+ blob ([0-9a-f]+)\t(.+)$/s.exec(line) ?? [];
      return file === "" ? [] : [[file, hash]];
    }),
  );
}

/** Equal for commits whose manifests are equal. */
export async function manifestsKey(
  tree: BaseTree,
  isManifest: (path: string) => boolean,
  signal: AbortSignal,
): Promise<string> {
  const manifests = [...(await filesOf(tree, signal))].filter(([path]) => isManifest(path));
  return sha256Hex(JSON.stringify([tree.repository, manifests])).slice(0, 16);
}

/** Writes the commit's files below the new folder `to`. */
export async function checkOut({ path, commit }: BaseTree, to: string, signal: AbortSignal): Promise<void> {
  mkdirSync(to);
  const index = { GIT_INDEX_FILE: `${to}.index` };
  const withIndex = { ...options, environment: { ...options.environment, ...index } };
  await mustRun([...git(path), "read-tree", commit], withIndex, signal);
  await mustRun([...git(path), "--work-tree", to, "checkout-index", "--all", "--force"], withIndex, signal);
  await mustRun(["rm", "-f", `${to}.index`], options, signal);
}

/** An ISO time. */
export async function commitTime({ path, commit }: BaseTree, signal: AbortSignal): Promise<string> {
  return (await mustRun([...git(path), "show", "--no-patch", "--format=%cI", commit], options, signal)).trim();
}
