import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";

const run = promisify(execFile);

/** A Python with nats-py, made once for all clones; null, with the reason, where that cannot be had. */
export async function pythonWithNats(): Promise<{ python: string } | { reason: string }> {
  const venv = join(process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast"), "python-nats");
  const python = join(venv, "bin", "python");
  try {
    if (!existsSync(python)) await run("python3", ["-m", "venv", venv]);
    await run(python, ["-c", "import nats"]).catch(() => run(python, ["-m", "pip", "install", "--quiet", "nats-py"]));
    return { python };
  } catch (error) {
    return { reason: `no Python with nats-py: ${String(error).slice(0, 200)}` };
  }
}
