// A lock between processes that share a folder: a file that holds the process's number, when it began and where. The lock
// of a process that died is taken over; of one on another machine that cannot be told, so that its lock ends after a day.
import { createHash } from "node:crypto";
import { linkSync, readFileSync, readlinkSync, rmSync, statSync, writeFileSync } from "node:fs";
import { hostname } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { processMark } from "../../process-mark.ts";

const lookEveryMs = 250;
/** Taking over is two system calls; whoever has been at it for longer has died. */
const takeOverMsMax = 10_000;

/** Where process numbers mean what they mean here: another pod that mounts the same folder has its own. */
const place = createHash("sha256").update(`${hostname()} ${processNamespace()}`).digest("hex").slice(0, 12);
/** No other process writes under it, in whichever pod. */
export const ownName = `${process.pid}.${place}`;
/** Of another place nobody can be looked for: a mark that is not older may be a live one's. */
const foreignMsMax = 86_400_000;

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
  const own = `${path}.${ownName}`;
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
  return text !== null && isAlive(text, statSync(path, { throwIfNoEntry: false })?.mtimeMs ?? 0);
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
  const [pid = "", start = ""] = (processMark(process.pid) ?? String(process.pid)).split(" ");
  return `${pid} ${start} ${place}`;
}

/**
 * @param mark of another process: number, start, place; those of earlier versions end before
 * @param writtenMs when it was written, by the file's time
 */
export function isAlive(mark: string, writtenMs: number): boolean {
  const [pid = "", start = "", at = place] = mark.split(" ");
  if (at !== place) return Date.now() - writtenMs < foreignMsMax;
  if (!(Number(pid) > 0) || !isRunning(Number(pid))) return false;
  const now = processMark(Number(pid));
  return start === "" || now === null || now === `${pid} ${start}`;
}

function processNamespace(): string {
  try {
    return readlinkSync("/proc/self/ns/pid");
  } catch {
    return "";
  }
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
