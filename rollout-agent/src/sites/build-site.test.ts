// Requirements: 6.14.programs, 6.14.needs
import { appendFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { builtSite, buildSite } from "./build-site.ts";
import type { SiteRecipe } from "./site-recipe.ts";

let folder: string;
beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "build-site-"))));
afterEach(() => rmSync(folder, { recursive: true, force: true }));

const never = new AbortController().signal;

/** A recipe that notes what it built. */
function aRecipe(seed: string): SiteRecipe {
  mkdirSync(join(folder, "recipe", "program"), { recursive: true });
  const notes = join(folder, "notes");
  writeFileSync(
    join(folder, "recipe", "program", "build.sh"),
    `echo program >> ${notes}; echo 'a server' > "$SITE_FOLDER/server"`,
  );
  writeFileSync(
    join(folder, "recipe", "build.sh"),
    `echo ${seed} >> ${notes}; cp -R "$SITE_PROGRAM" "$SITE_FOLDER/program"; mkdir "$SITE_FOLDER/seed"`,
  );
  const program = { folder: join(folder, "recipe", "program"), hash: "p" };
  return {
    v: 1,
    name: "toy",
    clock: "2026-03-16T09:00:00Z",
    asides: [],
    database: "toy.sqlite3",
    ready: "/",
    places: {},
    folder: join(folder, "recipe"),
    hash: seed,
    program,
  };
}

it("builds programs that lie apart once for every seed", async () => {
  const root = join(folder, "cache");
  for (const seed of ["first", "second", "second"]) {
    const { site, entry } = await buildSite(aRecipe(seed), root, never);
    await using _ = entry;
    expect(readFileSync(join(site.folder, "program", "server"), "utf8")).toBe("a server\n");
  }
  expect(readFileSync(join(folder, "notes"), "utf8")).toBe("program\nfirst\nsecond\n");
  expect(builtSite(aRecipe("second"), root)?.database).toMatch(/toy-second\/seed\/toy\.sqlite3$/);
  expect(builtSite(aRecipe("third"), root)).toBeNull();
});

it("says which script failed and what it said last", async () => {
  const recipe = aRecipe("seed");
  appendFileSync(join(folder, "recipe", "program", "build.sh"), "; echo 'needs go: install it' >&2; exit 3");
  await expect(buildSite(recipe, join(folder, "cache"), never)).rejects.toThrow(
    /"toy" was not built: .*program\/build\.sh ended with 3: needs go: install it/,
  );
});

it("says all that this machine lacks, and builds nothing", async () => {
  const recipe = aRecipe("seed");
  writeFileSync(join(folder, "recipe", "needs.sh"), "echo 'a compiler (gcc)'; echo 'a hammer'");
  await expect(buildSite(recipe, join(folder, "cache"), never)).rejects.toThrow(
    '"toy" was not built: this machine lacks a compiler (gcc); a hammer',
  );
  expect(existsSync(join(folder, "notes"))).toBe(false);
});
