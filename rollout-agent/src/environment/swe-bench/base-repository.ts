// A repository as it was at an instance's base commit, without its future: the commit keeps its name, and nothing else of
// the history is there, no other commit, branch, tag, remote or reflog. An ordinary clone holds the fix.
import { appendFileSync, mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import type { CacheEntry, CacheFacts, CacheFolder } from "./cache-folder.ts";
import { commitVersion } from "./commit-version.ts";
import { curesOf } from "./cures.ts";
import { unavailable } from "./errors.ts";
import { mustRun, runProgram } from "./host-program.ts";
import { layStandIns, lostFilesOf } from "./lost-files.ts";
import { locateRepository } from "./repository-source.ts";
import { type Submodule, submodulesOf } from "./submodules.ts";

const cloneTimeoutMs = 30 * 60_000;
const packTimeoutMs = 10 * 60_000;
/** Submodules of submodules: no project of SWE-bench's has any. */
const depthMax = 2;
/** A submodule that was not there is looked for again after this. */
const lookAgainMs = 10 * 60_000;

/** No configuration of the host's, and clones that belong to other users are read. */
const git = ["git", "-c", "safe.directory=*", "-c", "core.hooksPath=/dev/null", "-c", "gc.auto=0"];
const gitEnvironment = {
  GIT_CONFIG_NOSYSTEM: "1",
  GIT_CONFIG_GLOBAL: "/dev/null",
  GIT_TERMINAL_PROMPT: "0",
  LC_ALL: "C.UTF-8",
};

export interface BaseCommit {
  /** "psf/requests" */
  repository: string;
  commit: string;
}

/**
 * A folder with `.git` in it: one commit, its branch checked out nowhere yet.
 * @param places see `locateRepository`
 * @throws ENVIRONMENT_UNAVAILABLE naming the clone that is missing or incomplete, and the remedy
 */
export async function openBaseRepository(
  { repository, commit }: BaseCommit,
  { places, cache }: { places: readonly string[]; cache: CacheFolder },
  signal: AbortSignal,
): Promise<CacheEntry> {
  // "base": with submodules and every version, which entries of older versions lack.
  const key = `base-${repository.replace("/", "__")}-${commit.slice(0, 12)}`;
  const make = (path: string): Promise<string> =>
    prepare({ repository, commit, path, depth: 0 }, { places, cache }, signal);
  try {
    return await cache.open(key, make, signal, isGood);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`${repository} at ${commit.slice(0, 12)} could not be prepared: ${messageOf(error)}`, error);
  }
}

async function prepare(
  { repository, commit, path, depth }: BaseCommit & { path: string; depth: number },
  sources: { places: readonly string[]; cache: CacheFolder },
  signal: AbortSignal,
): Promise<string> {
  const found = locateRepository(repository, sources.places);
  await using mirror = found.kind === "clone" ? null : await openMirror(found.url, sources.cache, signal);
  const from = found.kind === "clone" ? found.path : (mirror?.path ?? "");
  const note = await cut({ from, repository, commit, to: path }, signal);
  if (depth === depthMax) return note;
  const source = { source: [...git, "-C", from], commit };
  const submodules = await submodulesOf(source, { timeoutMs: packTimeoutMs, environment: gitEnvironment }, signal);
  const missing: string[] = [];
  for (const [index, submodule] of submodules.entries()) {
    const to = join(path, "submodules", String(index));
    const problem = await prepareSubmodule(submodule, { to, depth }, sources, signal);
    if (problem !== null) missing.push(`without submodule ${submodule.path}: ${problem}`);
  }
  if (missing.length === 0) return note;
  return `${[note, ...missing].join("; ")} (looked for at ${new Date().toISOString()})`;
}

export const lacksSubmodule = ({ note }: Pick<CacheFacts, "note">): boolean => note.includes("without submodule ");

function isGood(facts: CacheFacts): boolean {
  const lookedAt = /\(looked for at (\S+)\)$/.exec(facts.note)?.[1];
  return !lacksSubmodule(facts) || (lookedAt !== undefined && Date.now() - Date.parse(lookedAt) < lookAgainMs);
}

/** @returns why it is not there: most tests do without, so the others tell by failing */
async function prepareSubmodule(
  { path, commit, repository }: Submodule,
  { to, depth }: { to: string; depth: number },
  sources: { places: readonly string[]; cache: CacheFolder },
  signal: AbortSignal,
): Promise<string | null> {
  mkdirSync(to, { recursive: true });
  try {
    await prepare({ repository, commit, path: to, depth: depth + 1 }, sources, signal);
    // Last: what has no such file is not laid.
    writeFileSync(join(to, "path"), path);
    return null;
  } catch (error) {
    signal.throwIfAborted();
    return messageOf(error);
  }
}

async function openMirror(url: string, cache: CacheFolder, signal: AbortSignal): Promise<CacheEntry> {
  const shown = withoutPassword(url);
  const make = async (path: string): Promise<string> => {
    try {
      const options = { timeoutMs: cloneTimeoutMs, environment: gitEnvironment };
      await mustRun([...git, "clone", "--quiet", "--mirror", "--", url, path], options, signal);
      return shown;
    } catch (error) {
      signal.throwIfAborted();
      // What git says may quote the address.
      const why = shown === url ? messageOf(error) : "what git said is not shown, because the address holds a password";
      throw unavailable(
        `${shown} cannot be cloned: ${why}. Without a network, give --repos a folder that holds a clone or a bundle`,
        shown === url ? error : undefined,
      );
    }
  };
  return await cache.open(`mirror-${sha256Hex(url).slice(0, 16)}`, make, signal);
}

/** What is said of an address goes into records of episodes. */
function withoutPassword(address: string): string {
  if (!URL.canParse(address)) return address;
  const url = new URL(address);
  if (url.username === "" && url.password === "") return address;
  [url.username, url.password] = ["", ""];
  return url.href;
}

async function cut(
  { from, repository, commit, to }: { from: string; repository: string; commit: string; to: string },
  signal: AbortSignal,
): Promise<string> {
  const options = { timeoutMs: packTimeoutMs, environment: gitEnvironment };
  const source = [...git, "-C", from];
  await mustRun([...source, "cat-file", "-e", `${commit}^{commit}`], options, signal).catch((error: unknown) => {
    signal.throwIfAborted();
    throw unavailable(`${from} has no commit ${commit}: run "git -C ${from} fetch origin ${commit}"`, error);
  });
  const target = [...git, "-C", to];
  await mustRun([...git, "init", "--quiet", "--template=", to], options, signal);
  const folder = join(to, ".git");
  mkdirSync(join(folder, "objects", "pack"), { recursive: true });
  // All that the commit's tree holds, in one pack; its parents are declared absent as in a shallow clone.
  const pipe = (missing: string): string =>
    `set -o pipefail; "\${@:2}" rev-list --objects --no-object-names --no-walk ${missing} "$0" | ` +
    // To a stream: by a name it would write into the clone first, which may be another's, or on another disk.
    '"${@:2}" pack-objects --quiet --threads=1 --stdout | git --git-dir="$1" index-pack --stdin >/dev/null';
  const pack = (missing = ""): Promise<string> =>
    mustRun(["bash", "-c", pipe(missing), commit, folder, ...source], options, signal);
  await pack().catch(async (error: unknown) => {
    signal.throwIfAborted();
    const known = curesOf(repository).lostFiles;
    const lost = await lostFilesOf({ source, commit, known }, options, signal);
    if (lost === null) {
      throw unavailable(`${from} lacks parts of commit ${commit.slice(0, 12)}: ${messageOf(error)}`, error);
    }
    await pack("--missing=allow-any");
    await layStandIns(lost, { target, to, options }, signal);
  });
  appendFileSync(join(folder, "shallow"), `${commit}\n`);
  await mustRun([...target, "symbolic-ref", "HEAD", "refs/heads/main"], options, signal);
  await mustRun([...target, "update-ref", "--no-deref", "refs/heads/main", commit], options, signal);
  const described = await runProgram([...source, "describe", "--tags", "--long", commit], options, signal);
  const version = described.exitCode === 0 ? commitVersion(described.output) : null;
  if (version !== null) writeFileSync(join(to, "version"), version);
  return `cut from ${from}`;
}
