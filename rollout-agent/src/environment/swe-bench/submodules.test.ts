// Requirements: 6.9.cures
import { describe, expect, it } from "vitest";
import { curesOf } from "./cures.ts";
import { modulesIn } from "./submodules.ts";

describe("submodules", () => {
  it("are read from git's settings, and none may lie outside of the repository", () => {
    const settings = [
      "submodule.helpers.path=helpers",
      "submodule.helpers.url=https://example.org/o/helpers.git",
      "submodule.a.b.url=../b.git",
      "submodule.a.b.path=deep/b",
      "submodule.out.path=../../etc",
      "submodule.out.url=https://example.org/o/out",
      "submodule.half.path=half",
    ];
    expect(modulesIn(settings.join("\n"))).toEqual([
      { path: "helpers", url: "https://example.org/o/helpers.git" },
      { path: "deep/b", url: "../b.git" },
    ]);
  });
});

describe("cures", () => {
  it("are for the projects that need them, and for no other", () => {
    expect(curesOf("psf/requests")).toMatchObject({ isNetworkSilent: true, services: [{ name: "httpbin" }] });
    for (const other of ["pallets/flask", "constructor", "o/r"]) {
      const none = { isNetworkSilent: false, services: [], buildSettings: null, build: null, lostFiles: [] };
      expect(curesOf(other)).toEqual(none);
    }
  });
});
