// Requirements: 6.9.cures
import { execFileSync } from "node:child_process";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { silentLogger } from "@hindcast/shared/node";
import { describe, expect, it, onTestFinished } from "vitest";
import { openBaseRepository } from "../../rollout-agent/src/environment/swe-bench/base-repository.ts";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { openTestbed } from "../../rollout-agent/src/environment/swe-bench/testbed.ts";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";

const never = new AbortController().signal;

/** "demo/main", whose folder "deep/helpers" is "demo/helpers" at an earlier commit than its last. */
function withSubmodule(): { folder: string; repositories: string; commit: string; pinned: string; later: string } {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-cures-"));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const repositories = join(folder, "repositories");
  const git = (name: string, ...args: string[]): string => {
    const settings = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "init.defaultBranch=main"];
    return execFileSync("git", [...settings, ...args], { cwd: join(repositories, name), encoding: "utf8" }).trim();
  };
  const commit = (name: string, file: string, text: string): string => {
    writeFileSync(join(repositories, name, file), text);
    git(name, "add", file);
    git(name, "commit", "--quiet", "-m", text);
    return git(name, "rev-parse", "HEAD");
  };
  for (const name of ["helpers", "main"]) {
    mkdirSync(join(repositories, name), { recursive: true });
    git(name, "init", "--quiet");
  }
  const pinned = commit("helpers", "helper.py", "what it was");
  const later = commit("helpers", "helper.py", "what it became");
  git("main", "update-index", "--add", "--cacheinfo", `160000,${pinned},deep/helpers`);
  const settings = '[submodule "h"]\n\tpath = deep/helpers\n\turl = https://example.invalid/demo/helpers.git\n';
  return { folder, repositories, pinned, later, commit: commit("main", ".gitmodules", settings) };
}

describe("a repository with submodules", () => {
  it("is cut with each at its own commit, and without what came later", async () => {
    const { folder, repositories, commit, pinned, later } = withSubmodule();
    const cache = new CacheFolder(join(folder, "cache"), 1e9);
    await using entry = await openBaseRepository(
      { repository: "demo/main", commit },
      { places: [repositories], cache },
      never,
    );
    const laid = join(entry.path, "submodules", "0");
    const git = (...args: string[]): string =>
      execFileSync("git", ["-c", "safe.directory=*", "--git-dir", join(laid, ".git"), ...args], {
        encoding: "utf8",
        stdio: ["ignore", "pipe", "ignore"],
      });
    expect(readFileSync(join(laid, "path"), "utf8")).toBe("deep/helpers");
    expect(git("show", "HEAD:helper.py")).toBe("what it was");
    expect(git("rev-parse", "HEAD").trim()).toBe(pinned);
    expect(() => git("cat-file", "-e", later)).toThrow();
  });

  it("is there without one whose clone is not, and says so", async () => {
    const { folder, repositories, commit } = withSubmodule();
    rmSync(join(repositories, "helpers"), { recursive: true });
    const cache = new CacheFolder(join(folder, "cache"), 1e9);
    await using entry = await openBaseRepository(
      { repository: "demo/main", commit },
      { places: [repositories], cache },
      never,
    );
    expect(entry.facts.note).toMatch(/without submodule deep\/helpers: no clone of demo\/helpers was found/);
    expect(existsSync(join(entry.path, "submodules", "0", "path"))).toBe(false);
  });
});

describe("a clone that a repository is cut from", () => {
  const elsewhere = "/dev/shm";
  const isOther = existsSync(elsewhere) && statSync(elsewhere).dev !== statSync(tmpdir()).dev;

  it.skipIf(!isOther)("may lie on another file system, and nothing is ever written into it", async () => {
    const { repositories, commit } = withSubmodule();
    const folder = mkdtempSync(join(elsewhere, "hindcast-cures-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    // The time of a folder tells also of a file that was there for a moment.
    const state = (): unknown[] =>
      ["helpers", "main"].flatMap((name) => {
        const git = join(repositories, name, ".git");
        const found = readdirSync(git, { recursive: true, encoding: "utf8" }).toSorted();
        return found.map((path) => [name, path, statSync(join(git, path), { bigint: true }).mtimeNs]);
      });
    const before = state();
    const places = [repositories];
    const cache = new CacheFolder(join(folder, "cache"), 1e9);
    await using entry = await openBaseRepository({ repository: "demo/main", commit }, { places, cache }, never);
    expect(entry.facts.note).not.toMatch(/without submodule/);
    expect(state()).toEqual(before);
  });
});

const sandboxes = createBubblewrap({ guestPath: defaultGuestPath, log: silentLogger });
const problems = await sandboxes.problems();

describe.skipIf(problems.length > 0)(`a sandbox's network${problems.length > 0 ? ` (${problems[0]})` : ""}`, () => {
  it.each([
    // `timeout` ends it: nobody has answered.
    [true, 124],
    // Nobody is there, and it is told at once.
    [false, 1],
  ])("silent: %s", async (isNetworkSilent, exitCode) => {
    const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 20, processesMax: 32 };
    await using sandbox = await sandboxes.open({ id: `silent-${isNetworkSilent}`, limits, isNetworkSilent }, never);
    const script = "timeout 0.3 bash -c 'exec 3<>/dev/tcp/10.255.255.1/80'";
    const command = { script, timeoutMs: 60_000, outputBytesMax: 1_000, outputBytesKill: 10_000 };
    expect((await sandbox.exec(command, never)).exitCode).toBe(exitCode);
  });
});

describe.skipIf(problems.length > 0)("the build of a project that would fetch libraries", () => {
  it("is told in its session to take the system's, and the repository knows nothing of it", async () => {
    const folder = mkdtempSync(join(tmpdir(), "hindcast-cures-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    chmodSync(folder, 0o755);
    const clone = join(folder, "repositories", "matplotlib__matplotlib");
    mkdirSync(clone, { recursive: true });
    const git = (...args: string[]): string => {
      const settings = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "init.defaultBranch=main"];
      return execFileSync("git", [...settings, ...args], { cwd: clone, encoding: "utf8" }).trim();
    };
    git("init", "--quiet");
    git("commit", "--quiet", "--allow-empty", "-m", "empty");
    await using testbed = await openTestbed(
      {
        id: `settings-${process.pid}`,
        repository: "matplotlib/matplotlib",
        commit: git("rev-parse", "HEAD"),
        environment: null,
        limits: { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 },
      },
      {
        sandboxes,
        cache: new CacheFolder(join(folder, "cache"), 1e9),
        repositories: [join(folder, "repositories")],
        pythons: { pyenvRoots: [], searchPath: "" },
      },
      never,
    );
    const { output } = await testbed.run('cat "$MPLSETUPCFG"; cd /testbed && git status --short', {}, never);
    expect(Buffer.from(output).toString()).toBe("[libs]\nsystem_freetype = True\nsystem_qhull = True\n");
  });
});
