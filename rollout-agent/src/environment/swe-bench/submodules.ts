// The submodules of a commit: other repositories at a commit of theirs, which the tree names and .gitmodules tells the
// address of.
import { mustRun, type ProgramOptions, runProgram } from "./host-program.ts";

/** Of one repository; more than any of SWE-bench's has. */
const submodulesMax = 32;

export interface Submodule {
  path: string;
  commit: string;
  /** "astropy/astropy-helpers": by it the clone is found, whatever host its address names. */
  repository: string;
}

/** @param source git, told where the clone is */
export async function submodulesOf(
  { source, commit }: { source: readonly string[]; commit: string },
  options: ProgramOptions,
  signal: AbortSignal,
): Promise<Submodule[]> {
  const blob = `${commit}:.gitmodules`;
  const { exitCode } = await runProgram([...source, "cat-file", "-e", blob], options, signal);
  if (exitCode !== 0) return [];
  const settings = await runProgram([...source, "config", "--blob", blob, "--list"], options, signal);
  if (settings.exitCode !== 0) return [];
  const found: Submodule[] = [];
  for (const { path, url } of modulesIn(settings.output).slice(0, submodulesMax)) {
    const entry = await mustRun([...source, "ls-tree", commit, "--", path], options, signal);
    const pinned = /^160000 commit ([0-9a-f]{40})\t/.exec(entry)?.[1];
    const repository = repositoryOf(url);
    if (pinned !== undefined && repository !== null) found.push({ path, commit: pinned, repository });
  }
  return found;
}

/** Out of what `git config --list` prints of a .gitmodules. */
export function modulesIn(settings: string): { path: string; url: string }[] {
  const modules = new Map<string, { path?: string; url?: string }>();
  for (const line of settings.split("\n")) {
    const [, name = "", field, value = ""] = /^submodule\.(.+)\.(path|url)=(.*)$/.exec(line) ?? [];
    if (field !== undefined) modules.set(name, { ...modules.get(name), [field]: value });
  }
  return [...modules.values()].flatMap(({ path, url }) =>
    path === undefined || url === undefined || path.split("/").includes("..") || path.startsWith("/")
      ? []
      : [{ path, url }],
  );
}

function repositoryOf(url: string): string | null {
  const [, owner, name] = /([A-Za-z0-9_.-]+)[/:]([A-Za-z0-9_.-]+?)(?:\.git)?\/*$/.exec(url) ?? [];
  // "../name.git" is beside the repository itself, under the same owner; its clone is found by the name alone.
  return owner === undefined || name === undefined || name === "" ? null : `${owner === ".." ? name : owner}/${name}`;
}
