// Which Pythons this machine has: pyenv's, those on PATH, the system's.
import { readdirSync, realpathSync, statSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { unavailable } from "./errors.ts";

export interface PythonInstallation {
  /** "3.9" */
  version: string;
  /** Holds `bin/python3.9` and `lib/python3.9`. */
  prefix: string;
  executable: string;
}

export interface PythonPlaces {
  /** Folders that hold `versions/3.9.18`, as pyenv's root does. */
  pyenvRoots: readonly string[];
  /** Colon-separated, as PATH. */
  searchPath: string;
}

export const defaultPyenvRoots: readonly string[] = [join(homedir(), ".pyenv"), "/opt/pyenv", "/usr/local/pyenv"];

/**
 * The newest patch release of `version` that is here.
 * @throws ENVIRONMENT_UNAVAILABLE naming the version and how to get it
 */
export function findPython(version: string, { pyenvRoots, searchPath }: PythonPlaces): PythonInstallation {
  const released = pyenvRoots
    .flatMap((root) => versionsIn(join(root, "versions")))
    .filter(({ name }) => name.startsWith(`${version}.`) && /^[\d.]+$/.test(name))
    .toSorted((a, b) => patchOf(b.name) - patchOf(a.name))
    .map(({ path }) => join(path, "bin", `python${version}`));
  const onPath = searchPath.split(":").map((folder) => join(folder, `python${version}`));
  for (const executable of [...released, ...onPath]) {
    const found = installationOf(executable, version);
    if (found !== null) return found;
  }
  throw unavailable(
    `Python ${version} is not here (looked in ${pyenvRoots.join(", ")} and on PATH): run "pyenv install ${version}", or put python${version} on PATH`,
  );
}

function versionsIn(folder: string): { name: string; path: string }[] {
  if (statSync(folder, { throwIfNoEntry: false })?.isDirectory() !== true) return [];
  return readdirSync(folder).map((name) => ({ name, path: join(folder, name) }));
}

const patchOf = (name: string): number => Number(name.split(".")[2] ?? 0);

/** A wrapper script (pyenv's shims) is no installation: only a file with its library beside it is. */
function installationOf(path: string, version: string): PythonInstallation | null {
  if (statSync(path, { throwIfNoEntry: false })?.isFile() !== true) return null;
  const executable = realpathSync(path);
  const prefix = dirname(dirname(executable));
  const library = statSync(join(prefix, "lib", `python${version}`), { throwIfNoEntry: false });
  return library?.isDirectory() === true ? { version, prefix, executable } : null;
}
