// One owner per data directory, any number of guests. The owner holds run/owner.lock; a guest leaves a file in
// run/guests/ for as long as it needs the cluster. Both name a living process or count for nothing.
import { linkSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { makeDataFolder } from "./data-folder.ts";
import { identityOf, isAlive, ProcessIdentity } from "./process-identity.ts";

function own(): ProcessIdentity {
  const identity = identityOf(process.pid);
  if (identity === null) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: "/proc cannot be read; a local cluster needs Linux with /proc mounted",
    });
  }
  return identity;
}

/**
 * Becomes the owner unless a living process is. The lock appears with its content in one step (a link), so nobody
 * reads a half-written one.
 * @returns the owner's identity: one's own after success.
 */
export function takeOwnership(dataDirectory: string): { isOwner: boolean; owner: ProcessIdentity } {
  const path = lockPath(dataDirectory);
  makeDataFolder(join(dataDirectory, "run", "guests"));
  const self = own();
  const draft = `${path}.${self.pid}`;
  writeFileSync(draft, JSON.stringify(self));
  try {
    for (;;) {
      try {
        linkSync(draft, path);
        return { isOwner: true, owner: self };
      } catch (error) {
        // Anything else would fail again and again: a file system without hard links, a full disk.
        if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw cannotLock(path, error);
        const holder = readIdentity(path);
        if (holder !== null && isAlive(holder)) {
          return { isOwner: false, owner: holder };
        }
        removeDead(path);
      }
    }
  } finally {
    rmSync(draft, { force: true });
  }
}

/**
 * Of several that find a dead owner's lock one moves it away. Another may have been so quick that it is the new owner's
 * that is moved: then it is put back.
 */
export function removeDead(path: string): void {
  const aside = `${path}.${process.pid}.aside`;
  try {
    renameSync(path, aside);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return;
    throw cannotLock(path, error);
  }
  const moved = readIdentity(aside);
  try {
    if (moved !== null && isAlive(moved)) linkSync(aside, path);
  } catch (error) {
    // A third one has taken the place of what was moved.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw cannotLock(path, error);
  } finally {
    rmSync(aside, { force: true });
  }
}

export function releaseOwnership(dataDirectory: string): void {
  rmSync(lockPath(dataDirectory), { force: true });
}

export function registerGuest(dataDirectory: string): () => void {
  const self = own();
  const path = join(dataDirectory, "run", "guests", `${self.pid}.json`);
  writeFileSync(path, JSON.stringify(self));
  return () => rmSync(path, { force: true });
}

/** Living guests; files of dead ones are removed on the way. */
export function guests(dataDirectory: string): ProcessIdentity[] {
  const folder = join(dataDirectory, "run", "guests");
  return readdirSync(folder).flatMap((name) => {
    const guest = readIdentity(join(folder, name));
    if (guest !== null && isAlive(guest)) return [guest];
    rmSync(join(folder, name), { force: true });
    return [];
  });
}

function cannotLock(path: string, cause: unknown): HindcastError {
  const message = `the lock ${path} cannot be made (${messageOf(cause)}); name a data directory on another file system with --data`;
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message, cause });
}

const lockPath = (dataDirectory: string): string => join(dataDirectory, "run", "owner.lock");

function readIdentity(path: string): ProcessIdentity | null {
  try {
    return ProcessIdentity.parse(JSON.parse(readFileSync(path, "utf8")));
  } catch {
    return null;
  }
}
