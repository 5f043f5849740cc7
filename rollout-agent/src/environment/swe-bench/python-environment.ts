// The environments that instances run in, each built once from its pins by venv and pip and kept by what is in it. What
// pip builds runs the packages' own build scripts on the host, as building upstream's images does.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf, type PinnedPython } from "@hindcast/shared";
import type { CacheEntry, CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { lastLines, mustRun, runProgram } from "./host-program.ts";
import type { PythonInstallation } from "./python-installation.ts";

const buildTimeoutMs = 60 * 60_000;

/** What pip says where it reached no index. */
const noNetwork =
  /Temporary failure in name resolution|NewConnectionError|Network is unreachable|Connection refused|Could not fetch URL|\(from versions: none\)/;

/**
 * A folder whose `venv` holds the environment; the entry's note names what came with conda and is not on PyPI for this Python.
 * @throws ENVIRONMENT_UNAVAILABLE naming the package that cannot be installed, or that no index was reached
 */
export async function openPythonEnvironment(
  environment: PinnedPython,
  python: PythonInstallation,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<CacheEntry> {
  const key = `python${environment.python}-${environment.key}`;
  try {
    return await cache.open(key, (path) => build(path, environment, python, signal), signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`environment ${key} could not be built: ${messageOf(error)}`, error);
  }
}

async function build(
  path: string,
  { python: version, packages, optionalPackages }: PinnedPython,
  python: PythonInstallation,
  signal: AbortSignal,
): Promise<string> {
  const venv = join(path, "venv");
  const isBare = packages.length + optionalPackages.length === 0;
  const options = {
    timeoutMs: buildTimeoutMs,
    cwd: path,
    environment: { PIP_DISABLE_PIP_VERSION_CHECK: "1", PYTHONNOUSERSITE: "1" },
  };
  await mustRun([python.executable, "-m", "venv", ...(isBare ? ["--without-pip"] : []), venv], options, signal).catch(
    (error: unknown) => {
      throw unavailable(
        `Python ${version} (${python.executable}) cannot make a virtual environment: ${messageOf(error)}. Debian and Ubuntu need the package python${version}-venv`,
        error,
      );
    },
  );
  const pip = async (name: string, requirements: readonly string[], ...flags: string[]): Promise<string | null> => {
    if (requirements.length === 0) return null;
    const list = join(path, `${name}.txt`);
    writeFileSync(list, requirements.map((each) => `${each}\n`).join(""));
    const argv = [join(venv, "bin", "python"), "-m", "pip", "install", "--quiet", "--no-deps", ...flags, "-r", list];
    const { exitCode, output } = await runProgram(argv, options, signal);
    return exitCode === 0 ? null : output;
  };
  const failure = await pip("packages", packages, "--prefer-binary");
  if (failure !== null) throw unavailable(whyNotInstalled(version, failure));
  const leftOut: string[] = [];
  if ((await pip("optional", optionalPackages, "--only-binary", ":all:")) !== null) {
    for (const each of optionalPackages) {
      if ((await pip("optional", [each], "--prefer-binary", "--no-build-isolation")) !== null) leftOut.push(each);
    }
  }
  return leftOut.length === 0 ? "" : `left out: ${leftOut.join(" ")}`;
}

function whyNotInstalled(version: string, output: string): string {
  const complaint = output
    .split("\n")
    .filter((line) => /error/i.test(line))
    .slice(0, 2)
    .join(" ");
  const why = complaint === "" ? lastLines(output) : complaint.slice(0, 600);
  return noNetwork.test(output)
    ? `pip reached no package index while it built the environment for Python ${version} (${why}): connect it, set PIP_INDEX_URL to one that can be reached, or PIP_FIND_LINKS and PIP_NO_INDEX=1 to a folder of wheels`
    : `the pinned packages cannot be installed for Python ${version}: ${why}`;
}
