// How one ecosystem's libraries are fetched, and what a sandbox needs to find them.
import type { SandboxMount } from "../../../sandbox/sandbox.ts";
import type { CacheFolder } from "../cache-folder.ts";
import type { HostSettings, RegistryClient } from "../registries/registry-client.ts";
import type { BaseTree } from "./base-tree.ts";

/** Where what was fetched is inside. */
export const dependenciesInside = "/opt/testbed/dependencies";
export const toolchainInside = "/opt/testbed/toolchain";

/** One ecosystem's way. */
export interface DependencySource {
  /** Files whose content says what is fetched. */
  isManifest: (path: string) => boolean;
  /** Whom its client asks. @throws Error for settings that a sandbox cannot follow */
  client: (host: HostSettings, signal: AbortSignal) => RegistryClient | Promise<RegistryClient>;
  plan: (tree: BaseTree, signal: AbortSignal) => Promise<FetchPlan>;
  /** What the sandbox needs beside, while it fetches and while it tests. */
  inside: (cache: CacheFolder, signal: AbortSignal) => Promise<InsideTestbed>;
}

export interface FetchPlan {
  /** Bash, run in the repository, which leaves what is kept in `fetchedInside`; null where there is nothing to fetch. */
  script: string | null;
  /** Kept with it. */
  note: string;
}

export interface InsideTestbed {
  mounts: readonly SandboxMount[];
  /** Run in the session, in the repository. */
  script: string;
  /** The folder of the toolchain's programs where it is none of the system's. */
  programs?: string;
  used?: AsyncDisposable;
}
