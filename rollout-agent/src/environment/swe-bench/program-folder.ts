// Programs of the host (an interpreter, a toolchain) that do not lie in /usr, which is inside every sandbox.
import { statSync } from "node:fs";
import { dirname } from "node:path";
import { sha256Hex } from "@hindcast/shared/node";
import type { CacheFolder } from "./cache-folder.ts";
import { mustRun, runProgram } from "./host-program.ts";

const copyTimeoutMs = 10 * 60_000;

/**
 * A folder with the files of `prefix` that sandboxes may read: root's run as nobody, who cannot look into root's home.
 * Null where the programs lie in /usr.
 */
export async function openProgramFolder(
  prefix: string,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<(AsyncDisposable & { path: string }) | null> {
  if (prefix === "/usr" || prefix.startsWith("/usr/")) return null;
  if (process.getuid?.() !== 0 || isPublic(prefix)) {
    return { path: prefix, [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const copy = async (path: string): Promise<string> => {
    // Hard links cost nothing; another file system needs a copy.
    const options = { timeoutMs: copyTimeoutMs };
    const { exitCode } = await runProgram(["cp", "-al", `${prefix}/.`, path], options, signal);
    if (exitCode !== 0) await mustRun(["cp", "-a", "--remove-destination", `${prefix}/.`, path], options, signal);
    return prefix;
  };
  return await cache.open(`interpreter-${sha256Hex(prefix).slice(0, 16)}`, copy, signal);
}

/** Whether every user may look into the folder. */
export function isPublic(directory: string): boolean {
  const isPassable = (statSync(directory).mode & 0o001) !== 0;
  return isPassable && (directory === "/" || isPublic(dirname(directory)));
}
