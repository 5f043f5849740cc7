// The environments that instances run in, each built once from its pins by venv and pip and kept by what is in it. What
// pip builds runs the packages' own build scripts, so it is done in a sandbox that reaches the package indexes alone.
import { join } from "node:path";
import { HindcastError, messageOf, type PinnedPython } from "@hindcast/shared";
import type { SandboxMount, SandboxProvider } from "../../sandbox/sandbox.ts";
import type { CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { FetchFailed, fetchedFolder, fetchedInside, fetchInside } from "./fetch-inside.ts";
import { lastLines } from "./host-program.ts";
import { hostSettings } from "./registries/host-settings.ts";
import { pipRegistries } from "./registries/pip-registries.ts";
import { findLibraries, type Interpreter } from "./testbed-scripts.ts";

/** What pip says where it reached no index. */
const noNetwork =
  /Temporary failure in name resolution|NewConnectionError|ProxyError|Network is unreachable|Connection refused|Could not fetch URL|\(from versions: none\)/;
const noVenv = "cannot make a virtual environment";
const leftOut = "left out:";

/** A Python as sandboxes see it. */
export interface PythonInside {
  interpreter: Interpreter;
  mounts: readonly SandboxMount[];
}

/**
 * The folder of a virtual environment; the entry's note names what came with conda and is not on PyPI for this Python.
 * @throws ENVIRONMENT_UNAVAILABLE naming the package that cannot be installed, or that no index was reached
 */
export async function openPythonEnvironment(
  environment: PinnedPython,
  python: PythonInside,
  { cache, sandboxes }: { cache: CacheFolder; sandboxes: SandboxProvider },
  signal: AbortSignal,
): Promise<AsyncDisposable & { path: string }> {
  const key = `python${environment.python}-inside-${environment.key}`;
  const make = async (path: string): Promise<string> => {
    const { mounts, interpreter } = python;
    const client = pipRegistries(await hostSettings(signal));
    const fetching = { client, mounts, script: building(environment, interpreter) };
    try {
      return noteOf(await fetchInside(fetching, path, sandboxes, signal));
    } catch (error) {
      throw error instanceof FetchFailed ? whyNotBuilt(environment.python, interpreter, error) : error;
    }
  };
  try {
    const entry = await cache.open(key, make, signal);
    return { path: join(entry.path, fetchedFolder, "venv"), [Symbol.asyncDispose]: () => entry[Symbol.asyncDispose]() };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`environment ${key} could not be built: ${messageOf(error)}`, error);
  }
}

/**
 * Python 3.6 brings a pip that does not know the wheels of today's Linux (manylinux2014); this is the last that runs on it.
 * Without an index the old one goes on, and says what it lacks.
 */
const newerPip =
  "python -c 'import pip, sys; sys.exit(int(pip.__version__.split(\".\")[0]) < 20)' || python -m pip install --quiet pip==21.3.1";

function building({ packages, optionalPackages }: PinnedPython, { executable }: Interpreter): string {
  const isBare = packages.length + optionalPackages.length === 0;
  const list = (name: string, requirements: readonly string[]): string =>
    `cat > /tmp/${name} <<'END'\n${requirements.map((each) => `${each}\n`).join("")}END`;
  const install = "python -m pip install --quiet --no-deps";
  return [
    findLibraries(executable),
    "export PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONNOUSERSITE=1",
    `${executable} -m venv ${isBare ? "--without-pip " : ""}${fetchedInside}/venv || { echo "${noVenv}"; exit 1; }`,
    `export PATH=${fetchedInside}/venv/bin:$PATH`,
    isBare ? "" : newerPip,
    ...(packages.length === 0 ? [] : [list("packages", packages), `${install} --prefer-binary -r /tmp/packages`]),
    ...(optionalPackages.length === 0
      ? []
      : [
          list("optional", optionalPackages),
          `${install} --only-binary :all: -r /tmp/optional || while IFS= read -r each; do
echo "$each" > /tmp/one
${install} --prefer-binary --no-build-isolation -r /tmp/one || echo "${leftOut}$each"
done < /tmp/optional`,
        ]),
  ].join("\n");
}

function noteOf(output: string): string {
  const names = output.split("\n").filter((line) => line.startsWith(leftOut));
  return names.length === 0 ? "" : `${leftOut} ${names.map((line) => line.slice(leftOut.length)).join(" ")}`;
}

function whyNotBuilt(version: string, { executable }: Interpreter, { message, output }: FetchFailed): HindcastError {
  if (output.includes(noVenv)) {
    return unavailable(
      `Python ${version} (${executable}) cannot make a virtual environment: ${lastLines(output)}. Debian and Ubuntu need the package python${version}-venv`,
    );
  }
  return unavailable(`${whyNotInstalled(version, output)}${/; asked in vain for .*$/s.exec(message)?.[0] ?? ""}`);
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
