// How one ecosystem's libraries are fetched, and what a sandbox needs to find them.
import type { SandboxMount } from "../../../sandbox/sandbox.ts";
import type { CacheFolder } from "../cache-folder.ts";
import type { BaseTree } from "./base-tree.ts";

/** Where what was fetched is inside. */
export const dependenciesInside = "/opt/testbed/dependencies";
export const toolchainInside = "/opt/testbed/toolchain";

export const fetchTimeoutMs = 60 * 60_000;

/** One ecosystem's way. */
export interface DependencySource {
  /** Files whose content says what is fetched. */
  isManifest: (path: string) => boolean;
  /**
   * Fills the empty folder `path`. @returns a note that is kept with it
   * @throws Error saying what the client said
   */
  fetch: (tree: BaseTree, path: string, signal: AbortSignal) => Promise<string>;
  /** What the sandbox needs beside. */
  inside: (path: string, cache: CacheFolder, signal: AbortSignal) => Promise<InsideTestbed>;
}

export interface InsideTestbed {
  mounts: readonly SandboxMount[];
  /** Run in the session, in the repository. */
  script: string;
  used?: AsyncDisposable;
}
