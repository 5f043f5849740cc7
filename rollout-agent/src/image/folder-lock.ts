// A lock between processes of one machine: a folder that only one of them can make. One whose owner has died is free.
import { mkdir, readFile, rename, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { HindcastError, limits } from "@hindcast/shared";
import { pause } from "@hindcast/shared/node";
import { processMark } from "../process-mark.ts";

const lookEveryMs = 50;

export function isAlive(mark: string): boolean {
  return processMark(Number(mark.split(" ")[0])) === mark;
}

/** @throws ENVIRONMENT_UNAVAILABLE when another process holds it for longer than `waitMs`; the signal's reason. */
export async function withFolderLock<T>(
  path: string,
  work: () => Promise<T>,
  { signal, waitMs = limits.imageLockWaitMs }: { signal: AbortSignal; waitMs?: number },
): Promise<T> {
  const deadline = performance.now() + waitMs;
  while (!(await take(path))) {
    signal.throwIfAborted();
    if (performance.now() > deadline) throw held(path, waitMs);
    await pause(lookEveryMs, signal);
  }
  try {
    return await work();
  } finally {
    await rm(path, { recursive: true, force: true });
  }
}

async function take(path: string): Promise<boolean> {
  const owner = join(path, "owner");
  try {
    await mkdir(path);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EEXIST")) throw error;
    const mark = await readFile(owner, "utf8").catch(() => null);
    // Without a mark, or with an empty one, its owner is about to write it, or died just then; the caller's patience
    // decides that.
    if (mark !== null && mark !== "" && !isAlive(mark)) await clear(path, mark);
    return false;
  }
  try {
    await writeFile(owner, processMark(process.pid) ?? String(process.pid));
    return true;
  } catch (error) {
    // A lock that says nobody's name would be waited for in vain.
    await rm(path, { recursive: true, force: true });
    throw error;
  }
}

/** Of several that find a lock without its owner, one moves it away; who finds another's fresh one there puts it back. */
async function clear(path: string, mark: string): Promise<void> {
  const aside = `${path}.${process.pid}`;
  try {
    await rename(path, aside);
  } catch {
    // Somebody else was first.
    return;
  }
  if ((await readFile(join(aside, "owner"), "utf8").catch(() => "")) === mark) {
    await rm(aside, { recursive: true, force: true });
  } else {
    await rename(aside, path);
  }
}

function held(path: string, waitMs: number): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_UNAVAILABLE",
    boundary: "environment",
    message: `${path} has been held by another process for more than ${waitMs} ms; remove the folder if none is running`,
  });
}
