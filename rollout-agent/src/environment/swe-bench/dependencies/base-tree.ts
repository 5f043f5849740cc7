// The files of a base commit, as they say what is fetched. They are read from git's objects and never checked out here.
import { join } from "node:path";
import { sha256Hex } from "@hindcast/shared/node";
import { mustRun, type ProgramOptions } from "../host-program.ts";

/** The largest of SWE-bench's repositories lists 6 MB. */
const listBytesMax = 32 * 1024 * 1024;

/** Of what is kept; another one is fetched anew. The first was fetched outside of sandboxes. */
const layout = 2;

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
  return sha256Hex(JSON.stringify([layout, tree.repository, manifests])).slice(0, 16);
}

/** The content of a file of the commit's. */
export async function fileAt({ path, commit }: BaseTree, file: string, signal: AbortSignal): Promise<string> {
  return await mustRun([...git(path), "cat-file", "blob", `${commit}:${file}`], options, signal);
}

/** An ISO time. */
export async function commitTime({ path, commit }: BaseTree, signal: AbortSignal): Promise<string> {
  return (await mustRun([...git(path), "show", "--no-patch", "--format=%cI", commit], options, signal)).trim();
}
