// A lock between processes of one machine: a file that holds the process's number and when it began. The lock of a
// process that died is taken over.
import { linkSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { processMark } from "../../process-mark.ts";

const lookEveryMs = 250;
/** Taking over is two system calls; whoever has been at it for longer has died. */
const takeOverMsMax = 10_000;

/** Waits until the lock is free. @returns what releases it */
export async function lock(path: string, signal: AbortSignal): Promise<() => void> {
  for (;;) {
    const release = tryLock(path);
    if (release !== null) return release;
    await delay(lookEveryMs, undefined, { signal });
  }
}

/** @returns what releases the lock, or null where another process holds it */
export function tryLock(path: string): (() => void) | null {
  if (!create(path)) {
    if (isHeld(path)) return null;
    // Of several that see a dead holder, one removes its file, and only while it is still that one.
    const takeOver = `${path}.take-over`;
    if (!create(takeOver)) {
      if (Date.now() - (statSync(takeOver, { throwIfNoEntry: false })?.mtimeMs ?? Infinity) > takeOverMsMax) {
        rmSync(takeOver, { force: true });
      }
      return null;
    }
    if (!isHeld(path)) rmSync(path, { force: true });
    rmSync(takeOver, { force: true });
    if (!create(path)) return null;
  }
  return () => rmSync(path, { force: true });
}

/** The file appears with its content or not at all. */
function create(path: string): boolean {
  const own = `${path}.${process.pid}`;
  writeFileSync(own, ownMark());
  try {
    linkSync(own, path);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "EEXIST") return false;
    throw error;
  } finally {
    rmSync(own, { force: true });
  }
}

function isHeld(path: string): boolean {
  const text = readWhereThere(path);
  return text !== null && isAlive(text);
}

export function readWhereThere(file: string): string | null {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

export function ownMark(): string {
  return processMark(process.pid) ?? String(process.pid);
}

/** @param mark of another process; those of earlier versions are numbers alone */
export function isAlive(mark: string): boolean {
  const [pid = "", start] = mark.split(" ");
  if (!isRunning(Number(pid))) return false;
  const now = processMark(Number(pid));
  return start === undefined || now === null || now === mark;
}

function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it lives, and belongs to somebody else.
    return (error as NodeJS.ErrnoException).code === "EPERM";
  }
}
