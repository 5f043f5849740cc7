// Builds sites once per machine and recipe: programs and the seed, the state that every copy begins with.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { HindcastError, limits } from "@hindcast/shared";
import { type CacheEntry, CacheFolder } from "../environment/swe-bench/cache-folder.ts";
import { runProgram } from "../environment/swe-bench/host-program.ts";
import { siteLacks } from "./site-needs.ts";
import { clockOf, type SiteRecipe } from "./site-recipe.ts";

/** Holds `program` and `seed`. */
export interface BuiltSite {
  recipe: SiteRecipe;
  folder: string;
  seed: string;
  database: string;
}

/** The site where it is built already; null where it is not. */
export function builtSite(recipe: SiteRecipe, root: string): BuiltSite | null {
  const key = keyOf(recipe);
  const isThere = existsSync(join(root, "complete", `${key}.json`));
  return isThere ? siteIn(recipe, join(root, "entries", key)) : null;
}

/**
 * Builds a site where it is not there; the entry is to be disposed of when the site is no longer used.
 * @throws ENVIRONMENT_SETUP_FAILED with all that this machine lacks, or with what the build script said
 */
export async function buildSite(
  recipe: SiteRecipe,
  root: string,
  signal: AbortSignal,
): Promise<{ site: BuiltSite; entry: CacheEntry }> {
  const cache = new CacheFolder(root, limits.sitesBytesMax);
  const entry = await cache.open(keyOf(recipe), (folder) => build(recipe, { folder, cache }, signal), signal);
  return { site: siteIn(recipe, entry.path), entry };
}

async function build(
  recipe: SiteRecipe,
  { folder, cache }: { folder: string; cache: CacheFolder },
  signal: AbortSignal,
): Promise<string> {
  const { name, program } = recipe;
  const lacks = await siteLacks(recipe, signal);
  if (lacks.length > 0) throw notBuilt(name, `this machine lacks ${lacks.join("; ")}`);
  const run = async (recipeFolder: string, environment: Record<string, string>): Promise<string> => {
    const script = join(recipeFolder, "build.sh");
    const { exitCode, output } = await runProgram(
      ["sh", script],
      { timeoutMs: limits.siteBuildMsMax, environment: { ...environment, SITE_CLOCK: String(clockOf(recipe)) } },
      signal,
    );
    if (exitCode === 0) return name;
    throw notBuilt(name, `${script} ended with ${exitCode}: ${output.trim().slice(-2_000)}`);
  };
  // The site takes links to what lies there, so it stays whole where its programs are removed before it.
  await using built =
    program &&
    (await cache.open(`${name}-program-${program.hash}`, (path) => run(program.folder, { SITE_FOLDER: path }), signal));
  return await run(recipe.folder, { SITE_FOLDER: folder, SITE_PROGRAM: built?.path ?? "" });
}

function notBuilt(name: string, why: string): HindcastError {
  return new HindcastError({
    code: "ENVIRONMENT_SETUP_FAILED",
    boundary: "environment",
    message: `the site "${name}" was not built: ${why}`,
  });
}

function keyOf({ name, hash }: SiteRecipe): string {
  return `${name}-${hash}`;
}

function siteIn(recipe: SiteRecipe, folder: string): BuiltSite {
  const seed = join(folder, "seed");
  return { recipe, folder, seed, database: join(seed, recipe.database) };
}
