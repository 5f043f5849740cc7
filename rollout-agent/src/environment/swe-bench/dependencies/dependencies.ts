// The libraries that a repository names in files of its own, fetched by its ecosystem's client before a sandbox opens: the
// tests then run without a network. Kept by what the files say, so that commits share them.
import { HindcastError, type Ecosystem, messageOf } from "@hindcast/shared";
import type { CacheFolder } from "../cache-folder.ts";
import { unavailable } from "../errors.ts";
import { mustRun } from "../host-program.ts";
import { type BaseTree, manifestsKey } from "./base-tree.ts";
import { cargo } from "./cargo-dependencies.ts";
import { dependenciesInside, type DependencySource, fetchTimeoutMs, type InsideTestbed } from "./dependency-source.ts";
import { go } from "./go-dependencies.ts";
import { maven } from "./maven-dependencies.ts";
import { npm } from "./npm-dependencies.ts";

const sources: Partial<Record<Ecosystem, DependencySource>> = { cargo, go, maven, npm };

const refused: Partial<Record<Ecosystem, string>> = {
  gradle:
    "the project's wrapper fetches a Gradle of its own, and no task of Gradle's fetches what tests need without running them",
  ant: "the project's build file fetches its libraries while it runs, from addresses of its own",
  composer: "PHP's packages come from their projects' hosts, through Packagist",
  bundler: "Ruby's packages come from RubyGems, and many are compiled as they are installed",
};

/**
 * @throws ENVIRONMENT_UNAVAILABLE naming what could not be fetched, or why nobody fetches it
 */
export async function openDependencies(
  ecosystem: Ecosystem,
  tree: BaseTree,
  cache: CacheFolder,
  signal: AbortSignal,
): Promise<InsideTestbed & AsyncDisposable> {
  const source = sources[ecosystem];
  if (source === undefined) {
    throw unavailable(
      `the dependencies of ${tree.repository} are fetched with ${ecosystem}, for which this version has no way: ${refused[ecosystem]}`,
    );
  }
  await using used = new AsyncDisposableStack();
  try {
    const key = `${ecosystem}-${await manifestsKey(tree, source.isManifest, signal)}`;
    const make = async (path: string): Promise<string> => {
      const note = await source.fetch(tree, path, signal);
      // Archives of packages hold files that only their owner may read, and root's sandboxes run as nobody.
      await mustRun(["chmod", "-R", "a+rX", path], { timeoutMs: fetchTimeoutMs }, signal);
      return note;
    };
    const entry = used.use(await cache.open(key, make, signal));
    const inside = await source.inside(entry.path, cache, signal);
    if (inside.used !== undefined) used.use(inside.used);
    const kept = used.move();
    const mounts = [{ source: entry.path, target: dependenciesInside }, ...inside.mounts];
    return { mounts, script: inside.script, [Symbol.asyncDispose]: () => kept[Symbol.asyncDispose]() };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof HindcastError) throw error;
    throw unavailable(
      `the dependencies of ${tree.repository} at ${tree.commit.slice(0, 12)} could not be fetched with ${ecosystem}: ${messageOf(error)}`,
      error,
    );
  }
}
