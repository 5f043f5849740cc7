// A repository of one commit from a package's archive. No history, no clone: names and dates are fixed, so that the same
// archive gives the same commit anywhere. The archive's files go from memory into git's objects and nowhere else.
import { closeSync, mkdirSync, openSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { type PackageSource, repositoryOfPackage, sha256Hex } from "@hindcast/shared/node";
import type { SandboxProvider } from "../../../sandbox/sandbox.ts";
import type { CacheFolder } from "../cache-folder.ts";
import { unavailable } from "../errors.ts";
import { mustRun } from "../host-program.ts";
import { type ArchiveFile, readArchive } from "./archive-files.ts";
import { fetchArchive } from "./package-archive.ts";

const gitTimeoutMs = 10 * 60_000;
/** 2026-01-01, as bugs are committed. */
const when = "Hindcast <tasks@hindcast.invalid> 1767225600 +0000";
/** Of what may be a test: archives that leave tests out are told before anything is installed. */
const mayBeTest = /test|spec/i;
/** Of the layout here; what another version made is made anew. */
const layout = 1;

export interface PackageRepository extends AsyncDisposable {
  /** To find it in. */
  places: readonly string[];
  repository: string;
  commit: string;
}

/** @throws HindcastError where there is no such archive, it holds no tests, or it is not what it should be */
export async function openPackageRepository(
  source: PackageSource,
  { cache, sandboxes }: { cache: CacheFolder; sandboxes: SandboxProvider },
  signal: AbortSignal,
): Promise<PackageRepository> {
  const { repository, version } = repositoryOfPackage(source);
  const name = source.registry === "file" ? source.path : `${source.registry}:${source.name}@${source.version}`;
  // A file may be another tomorrow; what a registry has of one version stays.
  const given = source.registry === "file" ? await fetchArchive(source, { scratch: "", sandboxes }, signal) : null;
  const key = `package-${sha256Hex(JSON.stringify([layout, repository, version, given === null ? name : sha256Hex(given)])).slice(0, 16)}`;
  const folderName = `${repository.replace("/", "__")}.git`;
  const make = async (path: string): Promise<string> => {
    const archive = given ?? (await fetchArchive(source, { scratch: join(path, "scratch"), sandboxes }, signal));
    const files = await readArchive(archive, name);
    if (![...files.keys()].some((file) => mayBeTest.test(file))) {
      throw unavailable(
        `the archive ${name} holds no tests: none of its ${files.size} files is named after one. Many archives leave them out; take a clone with --repo, or another version`,
      );
    }
    const digest = sha256Hex(archive);
    await importFiles(
      files,
      { path, folderName, version, message: `${repository} ${version ?? ""}\n\n${digest}\n` },
      signal,
    );
    return `sha256 ${digest}`;
  };
  const entry = await cache.open(key, make, signal);
  try {
    const argv = [
      "git",
      "-c",
      "safe.directory=*",
      "--git-dir",
      join(entry.path, folderName),
      "rev-parse",
      "refs/heads/main",
    ];
    const commit = (await mustRun(argv, { timeoutMs: gitTimeoutMs }, signal)).trim();
    return { places: [entry.path], repository, commit, [Symbol.asyncDispose]: () => entry[Symbol.asyncDispose]() };
  } catch (error) {
    await entry[Symbol.asyncDispose]();
    throw error;
  }
}

async function importFiles(
  files: ReadonlyMap<string, ArchiveFile>,
  { path, folderName, version, message }: { path: string; folderName: string; version: string | null; message: string },
  signal: AbortSignal,
): Promise<void> {
  const folder = join(path, folderName);
  const stream = join(path, "stream");
  mkdirSync(folder, { recursive: true });
  writeStream(stream, importStream(files, version, message));
  const options = {
    timeoutMs: gitTimeoutMs,
    environment: { GIT_CONFIG_NOSYSTEM: "1", GIT_CONFIG_GLOBAL: "/dev/null", LC_ALL: "C.UTF-8" },
  };
  await mustRun(["git", "init", "--quiet", "--bare", "--template=", "-b", "main", folder], options, signal);
  const into = 'exec git --git-dir="$0" fast-import --quiet < "$1"';
  await mustRun(["bash", "-c", into, folder, stream], options, signal);
  rmSync(stream);
}

function writeStream(path: string, parts: Iterable<Buffer | string>): void {
  const descriptor = openSync(path, "wx", 0o600);
  try {
    for (const part of parts) writeFileSync(descriptor, part);
  } finally {
    closeSync(descriptor);
  }
}

/** As git fast-import reads it. */
function* importStream(
  files: ReadonlyMap<string, ArchiveFile>,
  version: string | null,
  message: string,
): Generator<Buffer | string> {
  yield `commit refs/heads/main\nauthor ${when}\ncommitter ${when}\ndata ${Buffer.byteLength(message)}\n${message}\n`;
  for (const [file, { mode, bytes }] of [...files].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    const quoted = file.replaceAll("\\", "\\\\").replaceAll('"', '\\"');
    yield `M ${mode} inline "${quoted}"\ndata ${bytes.byteLength}\n`;
    yield bytes;
    yield "\n";
  }
  // What reads its version from tags finds the one that this is.
  if (version !== null) yield `reset refs/tags/v${version}\nfrom refs/heads/main\n\n`;
}
