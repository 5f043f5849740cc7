import { homedir } from "node:os";
import { join } from "node:path";
import type { ProcessEnvironment } from "@hindcast/shared/node";
import type { NatsBinaryOptions } from "./nats-binary.ts";

/** Where programs are kept that are built once for all clones of this user. */
export function cacheDirectory(environment: ProcessEnvironment): string {
  return environment["HINDCAST_CACHE"] || join(environment["XDG_CACHE_HOME"] || join(homedir(), ".cache"), "hindcast");
}

/** How this user's nats-server is found. */
export function natsBinaryOptions(environment: ProcessEnvironment, log: (line: string) => void): NatsBinaryOptions {
  return { configured: environment["HINDCAST_NATS_SERVER"], cacheDirectory: cacheDirectory(environment), log };
}
