// A site that anybody can start: a folder below rollout-agent/sites with a description (site.json), what builds it
// (build.sh), what says which programs that needs (needs.sh), what serves one copy of it (start.sh) and what its help says
// (documents). Programs that take long to build may have a folder of their own (program/build.sh), so that another seed does
// not build them anew.
import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { HindcastError, messageOf, WebArenaSite } from "@hindcast/shared";
import { z } from "zod";

/** Where the recipes are. */
export const recipesFolder = resolve(import.meta.dirname, "../../sites");

const Cookie = z.strictObject({ name: z.string().min(1), value: z.string().min(1) });

/** A part of a site that has visitors of its own: the shop, and its administration. */
const Place = z.strictObject({
  /** Among a campaign's sites, and the name of its document. */
  name: z.string().regex(/^[a-z][a-z-]{0,39}$/),
  path: z.string().startsWith("/"),
  /** What a visitor who is logged in brings along. Good for nothing but a throwaway copy. */
  login: z.array(Cookie),
});

const SiteRecipe = z.strictObject({
  v: z.literal(1),
  name: z.string().regex(/^[a-z][a-z-]{0,39}$/),
  /** Its present, ISO 8601: what a visitor does first happens then, whenever he comes. */
  clock: z.iso.datetime(),
  /** Paths to which scripts send what changes nothing, whenever they find the time. */
  asides: z.array(z.string().startsWith("/")).default([]),
  /** SQLite, below the state; answers are computed from it. */
  database: z.string().min(1),
  /** A page that is there when a copy has started. */
  ready: z.string().startsWith("/"),
  /** By the role that it plays in tasks of WebArena's kind. */
  places: z.partialRecord(WebArenaSite, Place),
});
export type SiteRecipe = z.infer<typeof SiteRecipe> & {
  folder: string;
  /** Of everything that decides what is built. */
  hash: string;
  /** What builds its programs, where that is apart. */
  program: { folder: string; hash: string } | null;
};

export function siteNames(): string[] {
  return readdirSync(recipesFolder)
    .filter((name) => existsSync(join(recipesFolder, name, "site.json")))
    .toSorted();
}

/** @throws CONFIG_INVALID */
export function readRecipe(name: string): SiteRecipe {
  if (!siteNames().includes(name)) {
    throw invalid(`there is no site "${name}"; there are ${siteNames().join(", ")}`);
  }
  const folder = join(recipesFolder, name);
  try {
    const recipe = SiteRecipe.parse(JSON.parse(readFileSync(join(folder, "site.json"), "utf8")));
    const below = join(folder, "program");
    const program = existsSync(below) ? { folder: below, hash: hashOf(below) } : null;
    return { ...recipe, folder, program, hash: hashOf(folder, `${program?.hash ?? ""}${recipe.clock}`) };
  } catch (error) {
    throw invalid(`the recipe of the site "${name}" cannot be used: ${messageOf(error)}`);
  }
}

/** A recipe's present in seconds since 1970, as the programs of sites are told it. */
export function clockOf({ clock }: Pick<SiteRecipe, "clock">): number {
  return Math.floor(Date.parse(clock) / 1_000);
}

export function placesOf(recipe: SiteRecipe): (z.infer<typeof Place> & { role: WebArenaSite })[] {
  return WebArenaSite.options.flatMap((role) => {
    const place = recipe.places[role];
    return place === undefined ? [] : [{ role, ...place }];
  });
}

/** Files that build nothing, as documents do not. */
const buildNothing = new Set(["site.json", "start.sh", "needs.sh"]);

function hashOf(folder: string, program = ""): string {
  const hash = createHash("sha256").update(program);
  const files = readdirSync(folder, { withFileTypes: true }).filter(
    (entry) => entry.isFile() && !buildNothing.has(entry.name),
  );
  for (const { name } of files.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
    hash
      .update(`${name}\0`)
      .update(readFileSync(join(folder, name)))
      .update("\0");
  }
  return hash.digest("hex").slice(0, 16);
}

function invalid(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
