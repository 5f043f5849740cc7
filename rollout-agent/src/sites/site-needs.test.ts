// Requirements: 6.14.needs
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it, vi } from "vitest";
import { siteLacks } from "./site-needs.ts";
import { readRecipe, siteNames } from "./site-recipe.ts";

const never = new AbortController().signal;
let folder: string;

beforeEach(() => (folder = mkdtempSync(join(tmpdir(), "site-needs-"))));
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true, force: true });
});

/** A machine with these programs and no others. */
function machineWith(programs: Record<string, string>): void {
  const bin = join(folder, "bin");
  mkdirSync(bin);
  for (const name of ["sh", "env", "setpriv", "sed"]) symlinkSync(`/usr/bin/${name}`, join(bin, name));
  for (const [name, script] of Object.entries(programs)) {
    writeFileSync(join(bin, name), `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  }
  vi.stubEnv("PATH", bin);
}

it("is told for every site, with all that is missing and where it comes from", async () => {
  machineWith({});
  const lacks = Object.fromEntries(
    await Promise.all(siteNames().map(async (name) => [name, (await siteLacks(readRecipe(name), never)).join("\n")])),
  ) as Record<string, string>;
  expect(lacks["shop"]).toMatch(/Python 3\.11 or newer.*apt-get install python3/);
  expect(lacks["forge"]).toMatch(/"go" on PATH.*golang[^]*"cc" on PATH.*gcc[^]*"node" on PATH[^]*"git" on PATH/);
  expect(lacks["wiki"]).toMatch(/"apt-get" on PATH.*Debian 12[^]*"dpkg-deb" on PATH/);
  expect(Object.values(lacks)).not.toContain("");
});

it("is told of versions that a site cannot be built with", async () => {
  machineWith({
    "apt-get": "",
    "dpkg-deb": "",
    "apt-cache": 'case "$2" in mediawiki) echo "  Candidate: 1:1.43.1-1" ;; *) echo "  Candidate: (none)" ;; esac',
    go: '[ "$2" = GOVERSION ] && echo go1.19.8',
    cc: "",
    node: "exit 1",
    npm: "",
    git: "",
    bash: "",
    python3: "exit 0",
  });
  expect(await siteLacks(readRecipe("wiki"), never)).toEqual([
    'the package mediawiki 1.39 of Debian 12 (bookworm); apt offers "1.43.1-1" (apt-get update?)',
    'the package php8.2-cli 8.2 of Debian 12 (bookworm); apt offers "(none)" (apt-get update?)',
  ]);
  expect((await siteLacks(readRecipe("forge"), never)).join("\n")).toMatch(
    /^Go 1\.21 or newer \("go" is go1\.19\.8\)\nNode\.js 18 or newer/,
  );
  expect(await siteLacks(readRecipe("shop"), never)).toEqual([]);
});

it("says so where nothing at all can be run", async () => {
  vi.stubEnv("PATH", folder);
  expect(await siteLacks(readRecipe("wiki"), never)).toEqual([
    expect.stringMatching(/needs\.sh is run with: .*setpriv/),
  ]);
});
