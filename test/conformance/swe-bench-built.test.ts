// Requirements: 6.9.built, 6.9.clock, 6.9.cures
// What a testbed brings beside its repository: what a build left, another day, a file that the clone lacks.
import { existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { clockScript, findClockLibrary } from "../../rollout-agent/src/environment/swe-bench/clock.ts";
import { curesOf } from "../../rollout-agent/src/environment/swe-bench/cures.ts";
import { openBaseRepository } from "../../rollout-agent/src/environment/swe-bench/base-repository.ts";
import { layStandIns, lostFilesOf, standInList } from "../../rollout-agent/src/environment/swe-bench/lost-files.ts";
import { said, sourceRepository } from "../support/source-repository.ts";
import { never, provider } from "./sandbox-fixture.ts";

const problems = await provider.problems();
const hasMake = existsSync("/usr/bin/make");

/** Its "compiler" writes the time at which it ran. */
const project = {
  Makefile: "all: one.o two.o\n\n%.o: %.src\n\t(cat $<; date +%s%N) > $@\n",
  "one.src": "one\n",
  "two.src": "two\n",
  ".gitignore": "one.o\n",
};

describe.skipIf(problems.length > 0 || !hasMake)("what a build leaves", () => {
  it("is kept for the commit, and a patch makes anew what it touches and nothing else", async () => {
    const { open, sources } = sourceRepository("demo/compiled", project, provider);
    const build = { command: "make", isRequired: true };
    const times = "tail -qn 1 one.o two.o";
    const first = (await said(await open({ build }), times)).text;
    const second = await open({ build });
    expect((await said(second, times)).text).toBe(first);
    expect((await said(second, "make")).text).toMatch(/Nothing to be done/);
    await said(second, "echo 1 >> one.src; make");
    const [one, two] = (await said(second, times)).text.split("\n");
    expect([one, two].map((time) => first.includes(time ?? ""))).toEqual([false, true]);
    // Not even what no .gitignore names: it would be in every patch.
    expect((await said(second, "git checkout -q one.src; git status --short")).text).toBe("");
    expect(readdirSync(join(sources.cache.root, "entries")).filter((key) => key.startsWith("built-"))).toHaveLength(1);
  });

  it("is made by another command in another entry, and brings what that installed outside the repository", async () => {
    const { open } = sourceRepository("demo/compiled", project, provider);
    const command = "mkdir -p ~/bin && printf '#!/bin/sh\\necho installed\\n' > ~/bin/tool && chmod +x ~/bin/tool";
    const testbed = await open({ build: { command, isRequired: true } });
    expect((await said(testbed, "~/bin/tool; ls *.o")).text).toMatch(/^installed\n.*cannot access/);
  });

  it("is missing where a required build fails, and what it said is the reason", async () => {
    const { open } = sourceRepository("demo/compiled", project, provider);
    const build = { command: "echo no compiler here; exit 3", isRequired: true };
    await expect(open({ build })).rejects.toMatchObject({
      code: "ENVIRONMENT_UNAVAILABLE",
      message: expect.stringMatching(/could not be built here .*exit code 3\): no compiler here/) as string,
    });
    const testbed = await open({ build: { ...build, command: "make one.o; exit 3", isRequired: false } });
    expect((await said(testbed, "ls *.o")).text).toBe("one.o");
  });

  it("is known to be wanted for the projects of SWE-bench with parts in C", () => {
    const built = ["scikit-learn/scikit-learn", "astropy/astropy", "matplotlib/matplotlib"].map(curesOf);
    expect(built.every(({ build }) => build?.startsWith("python -m pip install ") === true)).toBe(true);
    expect(curesOf("django/django").build).toBeNull();
  });
});

describe.skipIf(problems.length > 0 || findClockLibrary() === null)("a testbed on another day", () => {
  it("shows that day to every program, goes on from there, and measures durations as ever", async () => {
    const { open } = sourceRepository("demo/dated", { "a.txt": "a\n" }, provider);
    const testbed = await open({ clock: "2019-03-10T09:10:47.000Z", programs: ["bash"] });
    expect((await said(testbed, "date -u +%F")).text).toBe("2019-03-10");
    expect((await said(testbed, "node -p 'new Date().toISOString().slice(0, 10)'")).text).toBe("2019-03-10");
    const pause =
      "const t = process.hrtime.bigint(); setTimeout(() => console.log(Number(process.hrtime.bigint() - t) / 1e6 >= 200), 200)";
    expect((await said(testbed, `node -e '${pause}'`)).text).toBe("true");
    expect(
      (await said(testbed, "a=$(date +%s%N); sleep 0.3; echo $((($(date +%s%N) - a) / 100000000 >= 3))")).text,
    ).toBe("1");
    expect((await said(testbed, "touch new; git status --short; git log -1 --format=%s")).text).toBe("?? new\nall");
    // Programs have such a file while they run.
    expect((await said(testbed, "shopt -s nullglob; echo /tmp/*faketime*")).text).toBe("");
  });
});

describe("a machine without libfaketime", () => {
  it("is told what to install", () => {
    expect(findClockLibrary(["/nonexistent"])).toBeNull();
    expect(() => clockScript("2019-03-10T09:10:47.000Z", null)).toThrow(/install Debian's package faketime/);
  });
});

describe("a file that a clone lacks", () => {
  const path = "lib/six.py";
  const known = [{ path: "six.py", requirement: "six==1.16.0" }];

  function lacking(files: Record<string, string>, lostPaths: readonly string[]): ReturnType<typeof sourceRepository> {
    const made = sourceRepository("astropy/astropy", files, provider);
    for (const lost of lostPaths) {
      const object = made.git("rev-parse", `HEAD:${lost}`);
      rmSync(join(made.clone, ".git", "objects", object.slice(0, 2), object.slice(2)));
    }
    return made;
  }
  const options = { timeoutMs: 300_000 };

  it("is known by its path, and only where nothing else is missing", async () => {
    const one = lacking({ "six.py": "old\n", [path]: "other\n" }, ["six.py"]);
    const source = ["git", "-C", one.clone];
    const lost = await lostFilesOf({ source, commit: one.commit, known }, options, never);
    expect(lost?.map(({ file }) => file.path)).toEqual(["six.py"]);
    const two = lacking({ "six.py": "old\n", [path]: "other\n" }, ["six.py", path]);
    const both = { source: ["git", "-C", two.clone], commit: two.commit, known };
    expect(await lostFilesOf(both, options, never)).toBeNull();
  });

  it("of another project, or beside others, leaves the clone incomplete", async () => {
    const { clone, commit, sources } = lacking({ "a.py": "a\n" }, ["a.py"]);
    const open = openBaseRepository(
      { repository: "astropy/astropy", commit },
      { places: sources.repositories, cache: sources.cache },
      never,
    );
    await expect(open).rejects.toThrow(`${clone} lacks parts of commit`);
  });

  it.skipIf(problems.length > 0)("has a later edition in its place, which is in nobody's patch", async () => {
    const table = curesOf("astropy/astropy").lostFiles[0]?.path ?? "";
    const { open } = lacking({ [table]: "the edition of its day\n", "b.txt": "b\n" }, [table]);
    const testbed = await open({ build: null });
    expect((await said(testbed, `head -c 200 ${table}`)).text).toMatch(/EARTH|IERS|EOP/i);
    expect((await said(testbed, "touch -d @1 */*/*/*/*; git update-index -q --refresh; git status --short")).text).toBe(
      "",
    );
    const patch = "echo c > b.txt; git add -A; git diff --cached --stat";
    expect((await said(testbed, patch)).text).toMatch(/^b\.txt .*\n 1 file changed/);
  });

  it("tells which release could not be had", async () => {
    const { clone, commit, folder } = lacking({ "six.py": "old\n" }, ["six.py"]);
    const unknown = [{ path: "six.py", requirement: "six==0.0.999" }];
    const lost = await lostFilesOf({ source: ["git", "-C", clone], commit, known: unknown }, options, never);
    const to = join(folder, "to");
    mkdirSync(to);
    writeFileSync(join(to, "file"), "");
    const laying = layStandIns(lost ?? [], { target: ["git", "-C", clone], to, options }, never);
    await expect(laying).rejects.toThrow(/lacks six\.py, and the one of six==0\.0\.999 could not stand in/);
    expect(existsSync(join(to, standInList))).toBe(false);
  });
});
