// A Python with the readers of our exports, in a virtual environment that is made once and kept. Where that cannot be
// (no Python, no venv module, no package index), the reason is returned and the tests that need it are skipped with it.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { mkdir, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = import.meta.dirname;
const cache = join(here, "../../../.hindcast/test-cache");
const installTimeoutMs = 240_000;
/** 3.10 is the oldest Python that the pinned `datasets` takes. */
const candidates = ["python3", "python3.13", "python3.12", "python3.11", "python3.10"];

export type PythonOrReason = { python: string } | { reason: string };

/** The interpreter of the virtual environment, or why there is none. `HINDCAST_TEST_PYTHON=0` turns it off. */
export async function exportCheckPython(): Promise<PythonOrReason> {
  if (process.env["HINDCAST_TEST_PYTHON"] === "0") return { reason: "HINDCAST_TEST_PYTHON=0" };
  const base = await suitablePython();
  if (base === null) return { reason: "no Python 3.10 or later on PATH" };
  const pins = ["requirements.txt", "requirements-bare.txt"].map((name) => readFileSync(join(here, name), "utf8"));
  const key = createHash("sha256")
    .update(JSON.stringify([base, pins]))
    .digest("hex")
    .slice(0, 12);
  const folder = join(cache, `export-check-${key}`);
  const python = join(folder, "bin/python");
  const ready = join(folder, "ready");
  if (existsSync(ready)) return { python };
  try {
    await rm(folder, { recursive: true, force: true });
    await mkdir(cache, { recursive: true });
    await run(base.command, ["-m", "venv", folder], { timeout: installTimeoutMs });
    await pip(python, ["-r", join(here, "requirements.txt")]);
    await pip(python, ["--no-deps", "--ignore-requires-python", "-r", join(here, "requirements-bare.txt")]);
    await writeFile(ready, "");
    return { python };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    return { reason: `the Python packages could not be installed: ${lastLine(error)}` };
  }
}

async function pip(python: string, args: string[]): Promise<void> {
  const options = ["--quiet", "--disable-pip-version-check", "--retries", "1", "--timeout", "15"];
  await run(python, ["-m", "pip", "install", ...options, ...args], { timeout: installTimeoutMs });
}

async function suitablePython(): Promise<{ command: string; version: string } | null> {
  for (const command of candidates) {
    const version = await run(command, ["-c", "import sys; print('%d.%d' % sys.version_info[:2])"]).then(
      ({ stdout }) => stdout.trim(),
      () => null,
    );
    const minor = version === null ? 0 : Number(version.split(".")[1]);
    if (version?.startsWith("3.") === true && minor >= 10) return { command, version };
  }
  return null;
}

function lastLine(error: unknown): string {
  const text = error instanceof Error && "stderr" in error ? String(error.stderr) : String(error);
  return text.trim().split("\n").at(-1) ?? "";
}
