// A bare repository that holds one commit without parents per task: the project with a bug, and without the tests that
// show it. Made by git's plumbing with fixed names and dates: the same bug gives the same commit anywhere.
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type BaseCommit, openBaseRepository } from "./base-repository.ts";
import { mustRun, type ProgramOptions, runProgram } from "./host-program.ts";
import type { TestbedSources } from "./testbed.ts";

const gitTimeoutMs = 120_000;
/** Of a diff; longer ones make no instance that anybody could read. */
const outputBytesMax = 16 * 1024 * 1024;
const when = "2026-01-01T00:00:00Z";

export interface BugCommit {
  commit: string;
  /** Takes the bug away. */
  fix: string;
  /** Brings the tests back. */
  tests: string;
}

export class BugRepository implements AsyncDisposable {
  readonly #path: string;
  readonly #base: string;
  readonly #scratch: string;

  private constructor(path: string, base: string) {
    this.#path = path;
    this.#base = base;
    this.#scratch = mkdtempSync(join(tmpdir(), "hindcast-bugs-"));
  }

  /** A repository in `path` that begins with the base commit's tree. */
  static async create(
    { path, ...base }: BaseCommit & { path: string },
    { repositories: places, cache }: TestbedSources,
    signal: AbortSignal,
  ): Promise<BugRepository> {
    await using prepared = await openBaseRepository(base, { places, cache }, signal);
    mkdirSync(dirname(path), { recursive: true });
    rmSync(path, { recursive: true, force: true });
    cpSync(join(prepared.path, ".git"), path, { recursive: true });
    return new BugRepository(path, base.commit);
  }

  /** @returns null where a file to hide is not there */
  async commit(
    { file, source, without }: { file: string; source: Uint8Array; without: readonly string[] },
    signal: AbortSignal,
  ): Promise<BugCommit | null> {
    const saved = join(this.#scratch, "source");
    writeFileSync(saved, source);
    await this.#git(["read-tree", this.#base], signal);
    for (const hidden of without) {
      const { exitCode } = await this.#try(["ls-files", "--error-unmatch", "--", hidden], signal);
      if (exitCode !== 0) return null;
    }
    const mode = (await this.#git(["ls-files", "--stage", "--", file], signal)).split(" ")[0] ?? "100644";
    const blob = (await this.#git(["hash-object", "-w", "--no-filters", saved], signal)).trim();
    await this.#git(["update-index", "--cacheinfo", `${mode},${blob},${file}`], signal);
    const whole = (await this.#git(["write-tree"], signal)).trim();
    if (without.length > 0) await this.#git(["update-index", "--force-remove", "--", ...without], signal);
    const tree = (await this.#git(["write-tree"], signal)).trim();
    const commit = (await this.#git(["commit-tree", tree, "-m", "The project as it is."], signal)).trim();
    await this.#git(["update-ref", `refs/heads/task-${commit.slice(0, 12)}`, commit], signal);
    const diff = async (from: string, to: string, ...paths: string[]): Promise<string> =>
      await this.#git(["diff-tree", "-p", "--binary", "--full-index", from, to, "--", ...paths], signal);
    return { commit, fix: await diff(whole, `${this.#base}^{tree}`, file), tests: await diff(tree, whole) };
  }

  async #git(args: readonly string[], signal: AbortSignal): Promise<string> {
    return await mustRun(this.#argv(args), this.#options(), signal);
  }

  #try(args: readonly string[], signal: AbortSignal): ReturnType<typeof runProgram> {
    return runProgram(this.#argv(args), this.#options(), signal);
  }

  #argv(args: readonly string[]): string[] {
    return ["git", "-c", "safe.directory=*", "-c", "core.bare=true", "--git-dir", this.#path, ...args];
  }

  #options(): ProgramOptions {
    const person = { NAME: "Hindcast", EMAIL: "tasks@hindcast.invalid", DATE: when };
    const people = ["AUTHOR", "COMMITTER"].flatMap((role) =>
      Object.entries(person).map(([name, value]): [string, string] => [`GIT_${role}_${name}`, value]),
    );
    return {
      timeoutMs: gitTimeoutMs,
      outputBytesMax,
      environment: {
        ...Object.fromEntries(people),
        GIT_INDEX_FILE: join(this.#scratch, "index"),
        GIT_CONFIG_NOSYSTEM: "1",
        GIT_CONFIG_GLOBAL: "/dev/null",
        LC_ALL: "C.UTF-8",
      },
    };
  }

  [Symbol.asyncDispose](): Promise<void> {
    return Promise.resolve(rmSync(this.#scratch, { recursive: true, force: true }));
  }
}
