// A repository of one commit and a testbed over it, for tests of what a testbed brings.
import { execFileSync } from "node:child_process";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { homedir, tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { onTestFinished } from "vitest";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import {
  openTestbed,
  type Testbed,
  type TestbedOptions,
  type TestbedSources,
} from "../../rollout-agent/src/environment/swe-bench/testbed.ts";
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";

const never = new AbortController().signal;
let count = 0;

export interface SourceRepository {
  /** Readable by everybody, because sandboxes of root run as nobody. */
  folder: string;
  clone: string;
  commit: string;
  sources: TestbedSources;
  git: (...args: string[]) => string;
  open: (options?: Partial<TestbedOptions>) => Promise<Testbed>;
}

export function sourceRepository(
  repository: string,
  files: Readonly<Record<string, string>>,
  sandboxes: SandboxProvider,
): SourceRepository {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-source-"));
  chmodSync(folder, 0o755);
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const clone = join(folder, "repositories", repository.replace("/", "__"));
  const git = (...args: string[]): string => {
    const settings = ["-c", "user.name=A", "-c", "user.email=a@example.invalid", "-c", "init.defaultBranch=main"];
    return execFileSync("git", [...settings, ...args], { cwd: clone, encoding: "utf8" }).trim();
  };
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(clone, path)), { recursive: true });
    writeFileSync(join(clone, path), content);
  }
  git("init", "--quiet");
  git("add", "-A");
  git("commit", "--quiet", "--allow-empty", "-m", "all");
  const commit = git("rev-parse", "HEAD");
  const sources: TestbedSources = {
    sandboxes,
    cache: new CacheFolder(join(folder, "cache"), 1e10),
    repositories: [join(folder, "repositories")],
    pythons: { pyenvRoots: [join(homedir(), ".pyenv")], searchPath: process.env["PATH"] ?? "" },
  };
  const limits = { memoryBytesMax: 2 ** 31, diskBytesMax: 2 ** 29, processesMax: 256 };
  const open = async (options: Partial<TestbedOptions> = {}): Promise<Testbed> => {
    const id = `source-${process.pid}-${count++}`;
    const testbed = await openTestbed(
      { id, repository, commit, environment: null, limits, ...options },
      sources,
      never,
    );
    onTestFinished(() => testbed[Symbol.asyncDispose]());
    return testbed;
  };
  return { folder, clone, commit, sources, git, open };
}

/** What a script prints in a testbed. */
export async function said(testbed: Testbed, script: string): Promise<{ exitCode: number | null; text: string }> {
  const { exitCode, output } = await testbed.run(script, { timeoutMs: 300_000 }, never);
  return { exitCode, text: Buffer.from(output).toString("utf8").trim() };
}
