// Requirements: 6.10.package
// Packages' archives: what comes out of one, what is refused, and the repository that is made of it.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { packageSource, repositoryOfPackage } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { readArchive } from "../../rollout-agent/src/environment/swe-bench/packages/archive-files.ts";
import { checkDigest } from "../../rollout-agent/src/environment/swe-bench/packages/package-archive.ts";
import { openPackageRepository } from "../../rollout-agent/src/environment/swe-bench/packages/package-repository.ts";
import {
  filesOfPage,
  sourceDistribution,
} from "../../rollout-agent/src/environment/swe-bench/packages/pypi-archive.ts";
import { type ArchiveEntry, archiveOf } from "../support/package-archive.ts";
import { never, provider } from "./sandbox-fixture.ts";

const good: ArchiveEntry[] = [
  { name: "./calc-1.0/", type: "directory" },
  { name: "./calc-1.0/calc.py", text: "one = 1\n" },
  { name: "calc-1.0/bin/run", text: "#!/bin/sh\n", mode: 0o755 },
  { name: "calc-1.0/tests/test_calc.py", text: "import calc\n" },
  { name: 'calc-1.0/tests/a "quoted" \\ name', text: "" },
  { name: "calc-1.0/.gitignore", text: "tests\n" },
  { name: "calc-1.0/tests/link", type: "symlink", linkname: "../calc.py" },
  { name: "calc-1.0/same.py", type: "link", linkname: "calc-1.0/calc.py" },
];

function aFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-package-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

describe("a package's archive", () => {
  it("gives its files, links that stay inside and rights to run, below its one folder", async () => {
    const files = await readArchive(await archiveOf(good), "calc");
    expect([...files].map(([path, { mode, bytes }]) => [path, mode, bytes.toString()])).toEqual([
      ["calc.py", "100644", "one = 1\n"],
      ["bin/run", "100755", "#!/bin/sh\n"],
      ["tests/test_calc.py", "100644", "import calc\n"],
      ['tests/a "quoted" \\ name', "100644", ""],
      [".gitignore", "100644", "tests\n"],
      ["tests/link", "120000", "../calc.py"],
      ["same.py", "100644", "one = 1\n"],
    ]);
  });

  const link = (linkname: string, name = "p/a/link"): ArchiveEntry => ({ name, type: "symlink", linkname });
  it.each<[string, ArchiveEntry[], RegExp]>([
    ["an absolute name", [{ name: "/etc/passwd" }], /the name "\/etc\/passwd", which leads out/],
    ["a name that climbs", [{ name: "p/../../x" }], /the name "p\/\.\.\/\.\.\/x", which leads out/],
    ["a name with a line's end", [{ name: "p/a\nb" }], /the name "p\/a\\nb"/],
    ["a repository's settings", [{ name: "p/a/.GIT/config" }], /which is a repository's own/],
    ["a link to an absolute place", [link("/etc/passwd")], /the link "p\/a\/link" to "\/etc\/passwd", which leads out/],
    ["a link that climbs out", [link("../../x")], /which leads out/],
    ["a link that climbs past another", [link("..", "p/a/b/up"), link("b/up/../x")], /which leads out/],
    ["a file below a link", [link(".", "p/l"), { name: "p/l/x" }], /has "l\/x" below "l", which is no folder/],
    ["another name of nothing", [{ name: "p/x", type: "link", linkname: "p/y" }], /which it does not hold/],
    ["another name of what is outside", [{ name: "p/x", type: "link", linkname: "/etc/passwd" }], /leads out/],
    ["a device", [{ name: "p/null", type: "character-device", devmajor: 1, devminor: 3 }], /a character-device/],
    ["a pipe", [{ name: "p/pipe", type: "fifo" }], /holds a fifo, "p\/pipe"/],
    ["a file beside its folder", [{ name: "x" }], /"x" beside its folder/],
    ["nothing", [{ name: "p/", type: "directory" }], /holds no file/],
    ["too many names", Array.from({ length: 20_001 }, (_, at) => ({ name: `p/${at}` })), /more than 20000 entries/],
  ])("with %s is refused", async (_, entries, message) => {
    await expect(readArchive(await archiveOf(entries), "evil.tar.gz")).rejects.toMatchObject({
      code: "ENVIRONMENT_SETUP_FAILED",
      message: expect.stringMatching(
        new RegExp(`^the archive evil\\.tar\\.gz .*${message.source}.*: none of it was kept$`, "s"),
      ) as string,
    });
  });

  it("that is none, is cut short or swells is refused", async () => {
    const whole = await archiveOf(good);
    await expect(readArchive(Buffer.from("<html>"), "x")).rejects.toThrow(/cannot be read as a gzipped tar/);
    await expect(readArchive(whole.subarray(0, whole.length / 2), "x")).rejects.toThrow(/cannot be read as a gzipped/);
    const bomb = gzipSync(Buffer.alloc(257 * 1024 ** 2), { level: 1 });
    await expect(readArchive(bomb, "x")).rejects.toThrow(/unpacks to more than 268435456 bytes/);
  });

  it("is what its registry says it is, or is not kept", () => {
    const digest = { algorithm: "sha256", hex: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" };
    checkDigest(Buffer.from("abc"), digest, "pypi:x@1");
    expect(() => checkDigest(Buffer.from("abd"), digest, "pypi:x@1")).toThrow(
      /fetched as pypi:x@1 has sha256 a52d159f.*its registry says ba7816bf.*none of it was kept/,
    );
  });
});

describe("the repository of a package's archive", () => {
  const open = async (
    folder: string,
    path: string,
  ): Promise<{ commit: string; git: (...args: string[]) => string }> => {
    const cache = new CacheFolder(join(folder, "cache"), 1e9);
    const source = packageSource(path);
    await using made = await openPackageRepository(source, { cache, sandboxes: provider }, never);
    const { commit, repository, places } = made;
    expect(repository).toBe("archive/calc");
    const git = (...args: string[]): string =>
      execFileSync("git", ["--git-dir", join(places[0] ?? "", "archive__calc.git"), ...args], {
        encoding: "utf8",
      }).trim();
    return { commit, git };
  };

  it("has one commit, which is the same anywhere and another for another archive", async () => {
    const [one, two] = [aFolder(), aFolder()];
    for (const folder of [one, two]) writeFileSync(join(folder, "calc-1.0.tar.gz"), await archiveOf(good));
    const { commit, git } = await open(one, join(one, "calc-1.0.tar.gz"));
    expect(commit).toBe((await open(two, join(two, "calc-1.0.tar.gz"))).commit);
    expect(git("log", "--all", "--format=%an %ad %s", "--date=iso")).toBe(
      "Hindcast 2026-01-01 00:00:00 +0000 archive/calc 1.0",
    );
    expect(git("describe", "--tags", commit)).toBe("v1.0");
    // What the archive would have git leave out is there, too.
    const entries = git("ls-tree", "-r", "-z", commit).split("\0").filter(Boolean);
    expect(entries.map((entry) => entry.replace(/ blob \w+\t/, " "))).toEqual([
      "100644 .gitignore",
      "100755 bin/run",
      "100644 calc.py",
      "100644 same.py",
      '100644 tests/a "quoted" \\ name',
      "120000 tests/link",
      "100644 tests/test_calc.py",
    ]);
    expect(git("fsck", "--strict")).toBe("");
    writeFileSync(join(one, "calc-1.0.tar.gz"), await archiveOf([...good, { name: "calc-1.0/more" }]));
    expect((await open(one, join(one, "calc-1.0.tar.gz"))).commit).not.toBe(commit);
  });

  it("is not made where the archive holds no tests, is not there, or is no file", async () => {
    const folder = aFolder();
    const path = join(folder, "calc-1.0.tgz");
    await expect(open(folder, path)).rejects.toThrow(/there is no file .*calc-1\.0\.tgz/);
    writeFileSync(path, await archiveOf([{ name: "package/index.js", text: "" }]));
    await expect(open(folder, path)).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringMatching(
        /calc-1\.0\.tgz holds no tests: none of its 1 files .* a clone with --repo/,
      ) as string,
    });
    mkdirSync(join(folder, "more-2.0.tgz"));
    await expect(open(folder, join(folder, "more-2.0.tgz"))).rejects.toThrow(/there is no file/);
  });
});

describe("a package's name", () => {
  it("is one of a registry with a version, or a file", () => {
    expect(repositoryOfPackage(packageSource("pypi:Ini_Config@2.0.0"))).toEqual({
      repository: "pypi/ini-config",
      version: "2.0.0",
    });
    expect(repositoryOfPackage(packageSource("npm:@scope/name@1.2.3-rc.1"))).toEqual({
      repository: "npm/scope__name",
      version: "1.2.3-rc.1",
    });
    expect(repositoryOfPackage(packageSource("./a/py-calc-1.0rc1.tar.gz"))).toEqual({
      repository: "archive/py-calc",
      version: "1.0rc1",
    });
  });

  it.each([
    ["pypi:iniconfig", /write a name and one version of it, as pypi:iniconfig@2\.3\.0/],
    ["pypi:$(id)@1.0", /write a name and one version/],
    ["npm:ms@latest", /write a name and one version of it, as npm:/],
    ["npm:ms@^2.0.0", /write a name and one version/],
    ["npm:../x@1.0.0", /write a name and one version/],
    ["iniconfig", /write pypi:name@version, npm:name@version, or the path of an archive/],
    ["calc-1.0.zip", /named as name-version\.tar\.gz or \.tgz/],
  ])("that is %s is refused", (text, message) => {
    expect(() => packageSource(text)).toThrow(message);
  });
});

describe("a page of a package index", () => {
  const sha256 = "0".repeat(64);
  const html = `<!DOCTYPE html><a href="../../files/Foo_Bar-1.0.tar.gz#sha256=${sha256}" data-requires-python="&gt;=3">Foo_Bar-1.0.tar.gz</a>
<a href="https://f.example/foo-bar-1.0-py3-none-any.whl">foo-bar-1.0-py3-none-any.whl</a>
<a href="https://f.example/foo-bar-2.0.zip#sha256=${sha256}">foo-bar-2.0.zip</a>
<a href="https://f.example/foo-bar-3.0.tar.gz?a=1&amp;b='$(id)'">foo-bar-3.0.tar.gz</a>`;

  it("is read as HTML and as JSON", () => {
    const url = "https://index.example/simple/foo-bar/";
    const found = sourceDistribution(filesOfPage(html, url), "foo.bar", "1.0");
    expect(found).toMatchObject({ url: "https://index.example/files/Foo_Bar-1.0.tar.gz", sha256 });
    const json = { files: [{ filename: "foo_bar-1.0.tar.gz", url: found.url, hashes: { sha256 } }] };
    expect(sourceDistribution(filesOfPage(JSON.stringify(json), url), "foo.bar", "1.0")).toMatchObject({ sha256 });
    expect(() => filesOfPage('{"files": 1}', url)).toThrow(/is no page of a package index/);
    // An address goes into a script in single quotes.
    expect(
      filesOfPage(html, url)
        .map((file) => file.url)
        .join(" "),
    ).not.toContain("'");
  });

  it.each([
    ["2.0", /no source distribution of foo-bar 2\.0 as \.tar\.gz; it has only foo-bar-2\.0\.zip/],
    ["9.9", /it has source distributions of 1\.0, 3\.0: take another version, or a clone with --repo/],
    ["3.0", /the index gives no SHA-256 of foo-bar-3\.0\.tar\.gz/],
  ])("without what is wanted says what it has: %s", (version, message) => {
    const files = filesOfPage(html, "https://index.example/simple/foo-bar/");
    expect(() => sourceDistribution(files, "foo-bar", version)).toThrow(message);
  });
});
