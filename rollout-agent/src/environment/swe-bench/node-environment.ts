// The packages of npm that a project's tests need, installed once for each set of pins and kept by what is in it. No
// script of theirs runs on the host.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, messageOf, type PinnedNode } from "@hindcast/shared";
import type { CacheEntry, CacheFolder } from "./cache-folder.ts";
import { unavailable } from "./errors.ts";
import { mustRun } from "./host-program.ts";

const installTimeoutMs = 30 * 60_000;

/** A folder that holds `node_modules`. @throws ENVIRONMENT_UNAVAILABLE naming what npm could not install */
export async function openNodeEnvironment(
  { key, packages }: PinnedNode,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<CacheEntry> {
  const make = async (path: string): Promise<string> => {
    const dependencies = Object.fromEntries(packages.map(nameAndVersion));
    writeFileSync(join(path, "package.json"), JSON.stringify({ private: true, dependencies }));
    const argv = ["npm", "install", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"];
    await mustRun(argv, { timeoutMs: installTimeoutMs, cwd: path }, signal);
    return packages.join(" ");
  };
  try {
    return await cache.open(`node-${key}`, make, signal);
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(`npm could not install ${packages.join(", ")}: ${messageOf(error)}`, error);
  }
}

function nameAndVersion(pin: string): [string, string] {
  const at = pin.lastIndexOf("@");
  return [pin.slice(0, at), pin.slice(at + 1)];
}
