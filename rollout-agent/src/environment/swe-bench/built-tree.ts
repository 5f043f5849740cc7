// What a build leaves in a testbed at the base commit, kept for each commit: compiling scikit-learn takes minutes, and every
// evaluation of every patch would begin with it (benchmarks.md §1.4). Files keep their times, so that the build of a
// patched tree makes anew what the patch touches and nothing else.
import { closeSync, openSync, writeSync } from "node:fs";
import { join } from "node:path";
import { sha256Hex } from "@hindcast/shared/node";
import type { ExecResult, Sandbox } from "../../sandbox/sandbox.ts";
import type { CacheEntry, CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { causeAndLastLines } from "./host-program.ts";
import { ageFiles, inside } from "./testbed-scripts.ts";

export interface Build {
  /** Bash, run in the repository. */
  command: string;
  /** Without it no test means anything. Otherwise the tests' own command says what is wrong. */
  isRequired: boolean;
}

/** Of building, as upstream's images may take. */
const buildTimeoutMs = 60 * 60_000;
const packTimeoutMs = 10 * 60_000;
/** Compressed. scikit-learn's has 0.1 GB. */
const builtBytesMax = 2 * 1024 ** 3;
const outputBytesMax = 256 * 1024;
const logBytesMax = 256 * 1024 ** 2;

export const buildLimits = { memoryBytesMax: 8 * 1024 ** 3, diskBytesMax: 8 * 1024 ** 3, processesMax: 1_024 };

export interface BuildPlace {
  repository: string;
  commit: string;
  build: Build;
  /** Keys of what it is built with: environment and packages. */
  environments: readonly string[];
}

/**
 * A folder with the archive of what the build left.
 * @param open a testbed at the base commit, as yet without a build
 * @throws ENVIRONMENT_UNAVAILABLE with the end of what a required build said
 */
export async function openBuiltTree(
  { repository, commit, build, environments }: BuildPlace,
  open: () => Promise<AsyncDisposable & { sandbox: Sandbox }>,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<CacheEntry> {
  const name = `${repository.replace("/", "__")}-${commit.slice(0, 12)}`;
  const key = `built-${name}-${sha256Hex(JSON.stringify([build.command, environments])).slice(0, 16)}`;
  const make = async (path: string): Promise<string> => {
    await using testbed = await open();
    const { sandbox } = testbed;
    const script = `(\n${ageFiles}\ntouch ${marker}\nsleep 0.1\ncd /testbed || exit\n${build.command}\n)`;
    const result = await sandbox.exec({ script, timeoutMs: buildTimeoutMs, ...caps(logBytesMax) }, signal);
    if (build.isRequired && result.exitCode !== 0) {
      throw unavailable(
        `${repository} at ${commit.slice(0, 12)} could not be built here with "${build.command}" (${endOf(result)}): ${said(result)}`,
      );
    }
    await pack(sandbox, join(path, archive), signal);
    return endOf(result);
  };
  return await cache.open(key, make, signal);
}

const archive = "tree.tar.gz";
const marker = "/tmp/.built-since";
const caps = (bytes: number): { outputBytesMax: number; outputBytesKill: number } => ({
  outputBytesMax,
  outputBytesKill: bytes,
});

/** What was changed since, by the time that no program can set back. */
const packChanged = `(
set -o pipefail
cd /
find home/agent workspace -name .git -prune -o ! -type d -cnewer ${marker} -print0 |
  tar --create --file - --no-recursion --null --files-from - 2>/dev/null | gzip -1
)`;

async function pack(sandbox: Sandbox, file: string, signal: AbortSignal): Promise<void> {
  const descriptor = openSync(file, "wx", 0o644);
  try {
    const onOutput = (chunk: Uint8Array): void => {
      for (let written = 0; written < chunk.byteLength;) written += writeSync(descriptor, chunk, written);
    };
    const command = { script: packChanged, timeoutMs: packTimeoutMs, ...caps(builtBytesMax), onOutput };
    const result = await sandbox.exec(command, signal);
    if (result.exitCode !== 0) throw new Error(`what was built could not be packed (${endOf(result)})`);
  } finally {
    closeSync(descriptor);
  }
}

/** Lays the archive over a fresh testbed; git does not see what it brings. */
export const layBuiltTree = `(
set -e
${ageFiles}
tar --extract --gzip --file ${inside.built}/${archive} --directory / --keep-directory-symlink
cd /workspace
git ls-files --others --exclude-standard | sed 's|^|/|' >> .git/info/exclude
git update-index -q --refresh || true
)`;

const endOf = ({ exitCode, killed }: ExecResult): string =>
  killed === null ? `exit code ${exitCode}` : `killed: ${killed}`;
const said = ({ output }: ExecResult): string => causeAndLastLines(Buffer.from(output).toString("utf8"));
