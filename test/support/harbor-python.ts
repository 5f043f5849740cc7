// Harbor itself as a second opinion, in a Python of its own, made once for all clones.
import { execFile } from "node:child_process";
import { existsSync, globSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const version = "0.25.0";
const probe = "import harbor.models.task.task, harbor.verifier.verifier";

/** The reason where it cannot be had: Harbor needs Python 3.12 and a package registry. */
export async function pythonWithHarbor(): Promise<{ python: string } | { reason: string }> {
  const venv = join(process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast"), `python-harbor-${version}`);
  const python = join(venv, "bin", "python");
  try {
    if (!existsSync(python)) await run(await aNewPython(), ["-m", "venv", venv]);
    const install = ["-m", "pip", "install", "--quiet", `harbor==${version}`];
    await run(python, ["-c", probe]).catch(() => run(python, install));
    await run(python, ["-c", probe]);
    return { python };
  } catch (error) {
    return { reason: `no Python with harbor ${version}: ${String(error).slice(0, 200)}` };
  }
}

/** Of version 3.12 or newer, on the PATH or among pyenv's. */
async function aNewPython(): Promise<string> {
  const pyenv = process.env["PYENV_ROOT"] ?? join(homedir(), ".pyenv");
  const candidates = ["python3", ...globSync(join(pyenv, "versions/3.*/bin/python3")).toSorted()];
  for (const candidate of candidates) {
    const asked = run(candidate, ["-c", "import sys; sys.exit(sys.version_info < (3, 12))"]);
    const isNew = await asked.then(
      () => true,
      () => false,
    );
    if (isNew) return candidate;
  }
  throw new Error("there is no Python of 3.12 or newer");
}
