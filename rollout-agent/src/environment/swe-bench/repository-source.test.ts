import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, it } from "vitest";
import { locateRepository } from "./repository-source.ts";

let place = "";
beforeEach(() => {
  place = mkdtempSync(join(tmpdir(), "hindcast-clones-"));
});
afterEach(() => {
  rmSync(place, { recursive: true, force: true });
});

it.each(["Acme__Calc", "acme__calc", "Acme/Calc", "acme/calc.git", "calc", "Calc.git"])(
  "finds the clone %s in whatever case its name is written",
  (name) => {
    mkdirSync(join(place, name, ".git"), { recursive: true });
    expect(locateRepository("acme/calc", [place])).toEqual({ kind: "clone", path: join(place, name) });
  },
);

it("takes the clone of exactly that name first, and a bundle where there is none", () => {
  for (const name of ["ACME__calc", "acme__calc"]) mkdirSync(join(place, name, ".git"), { recursive: true });
  writeFileSync(join(place, "Acme__Other.bundle"), "");
  expect(locateRepository("acme/calc", [place])).toMatchObject({ path: join(place, "acme__calc") });
  expect(locateRepository("acme/other", [place])).toEqual({ kind: "remote", url: join(place, "Acme__Other.bundle") });
});

it("asks a URL, and names every place and the remedy where nothing is found", () => {
  writeFileSync(join(place, "acme"), "a file, and no folder of an owner's clones");
  const url = "https://git.example/{repo}.git";
  expect(locateRepository("acme/calc", [place, url])).toEqual({
    kind: "remote",
    url: "https://git.example/acme/calc.git",
  });
  expect(() => locateRepository("acme/calc", [place, join(place, "nowhere")])).toThrow(
    /no clone of acme\/calc was found in .*nowhere: run "git clone https:\/\/github.com\/acme\/calc .*acme__calc"/,
  );
});
