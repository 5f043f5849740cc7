// Where an agent's SWE-bench worlds come from, by its configuration.
import { mkdirSync } from "node:fs";
import { resolve } from "node:path";
import type { SandboxProvider } from "../../sandbox/sandbox.ts";
import { CacheFolder } from "./cache-folder.ts";
import { isPublic } from "./program-folder.ts";
import { defaultPyenvRoots } from "./python-installation.ts";
import { checkCachePlace, type TestbedSources } from "./testbed.ts";

const agentCacheBytesMax = 40 * 1024 ** 3;

export interface SourcesOptions {
  cache: string;
  cacheBytesMax: number;
  repositories: readonly string[];
  pyenvRoots: readonly string[];
  searchPath: string;
}

/** @throws ENVIRONMENT_UNAVAILABLE where root's sandboxes could not read the cache */
export function openSources(options: SourcesOptions, sandboxes: SandboxProvider): TestbedSources {
  const { cache, cacheBytesMax, repositories, pyenvRoots, searchPath } = options;
  const path = resolve(cache);
  mkdirSync(path, { recursive: true });
  checkCachePlace(process.getuid?.() !== 0 || isPublic(path), path);
  const pythons = { pyenvRoots, searchPath };
  return { sandboxes, cache: new CacheFolder(path, cacheBytesMax), repositories, pythons };
}

export interface SweBenchConfig {
  sweBenchRepositories: readonly string[];
  sweBenchCache: string | null;
  searchPath: string;
}

/** Null where no cache is configured: most agents never see such a task. */
export function sweBenchSources(config: SweBenchConfig, sandboxes: SandboxProvider): TestbedSources | null {
  const { sweBenchCache: cache, sweBenchRepositories: repositories, searchPath } = config;
  if (cache === null) return null;
  const cacheBytesMax = agentCacheBytesMax;
  return openSources({ cache, cacheBytesMax, repositories, pyenvRoots: defaultPyenvRoots, searchPath }, sandboxes);
}
