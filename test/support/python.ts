import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

export type PythonFound = { python: string } | { reason: string };

/** A Python with nats-py, made once for all clones; null, with the reason, where that cannot be had. */
export function pythonWithNats(): Promise<PythonFound> {
  return pythonWith("python-nats", ["nats-py"], "nats");
}

/**
 * A Python with `packages`, made once for all clones; the reason where that cannot be had.
 *
 * @param module what can be imported once they are installed
 * @param options of pip's
 */
export async function pythonWith(
  name: string,
  packages: readonly string[],
  module: string,
  options: readonly string[] = [],
): Promise<PythonFound> {
  const venv = join(process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast"), name);
  const python = join(venv, "bin", "python");
  const install = ["-m", "pip", "install", "--quiet", ...options, ...packages];
  try {
    if (!existsSync(python)) await run("python3", ["-m", "venv", venv]);
    await run(python, ["-c", `import ${module}`]).catch(() => run(python, install));
    return { python };
  } catch (error) {
    return { reason: `no Python with ${packages.join(", ")}: ${String(error).slice(0, 200)}` };
  }
}
