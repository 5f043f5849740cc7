// The libraries that a repository names in files of its own, fetched by its ecosystem's client in a sandbox of its own: the
// tests then run without a network. Kept by what the files say, so that commits share them.
import { HindcastError, type Ecosystem, messageOf } from "@hindcast/shared";
import { mkdirSync } from "node:fs";
import { join } from "node:path";
import type { SandboxProvider } from "../../../sandbox/sandbox.ts";
import type { CacheFolder } from "../cache-folder.ts";
import { unavailable } from "../errors.ts";
import { fetchedFolder, fetchInside } from "../fetch-inside.ts";
import { hostSettings } from "../registries/host-settings.ts";
import { inside as places, unpackRepository } from "../testbed-scripts.ts";
import { type BaseTree, manifestsKey } from "./base-tree.ts";
import { cargo } from "./cargo-dependencies.ts";
import { dependenciesInside, type DependencySource, type InsideTestbed } from "./dependency-source.ts";
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
  { cache, sandboxes }: { cache: CacheFolder; sandboxes: SandboxProvider },
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
    const inside = await source.inside(cache, signal);
    if (inside.used !== undefined) used.use(inside.used);
    const make = async (path: string): Promise<string> => {
      const { script, note } = await source.plan(tree, signal);
      if (script === null) mkdirSync(join(path, fetchedFolder));
      else {
        const client = await source.client(await hostSettings(signal), signal);
        const mounts = [{ source: tree.path, target: places.repository }, ...inside.mounts];
        const search = inside.programs === undefined ? "" : `export PATH=${inside.programs}:$PATH`;
        const whole = `${unpackRepository}\n${search}\n${script}`;
        await fetchInside({ client, mounts, script: whole }, path, sandboxes, signal);
      }
      return note;
    };
    const entry = used.use(await cache.open(key, make, signal));
    const kept = used.move();
    const mounts = [{ source: join(entry.path, fetchedFolder), target: dependenciesInside }, ...inside.mounts];
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
