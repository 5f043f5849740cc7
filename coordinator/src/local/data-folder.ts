import { existsSync, mkdirSync } from "node:fs";
import { dirname } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";

/**
 * Makes a folder of the data directory, with those above it, for this user only. Not by the file system's own recursive
 * call, which tries for ever where a file system takes no folders (`/proc`).
 * @throws CONFIG_INVALID where none can be made
 */
export function makeDataFolder(path: string): void {
  try {
    makeWithParents(path);
  } catch (error) {
    const message = `the data directory cannot be made or written (${messageOf(error)}); name another with --data`;
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message, cause: error });
  }
}

function makeWithParents(path: string): void {
  if (existsSync(path)) return;
  makeWithParents(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
  }
}
