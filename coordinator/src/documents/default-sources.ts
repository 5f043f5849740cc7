// What a campaign reads when nobody names documents: the manuals of npm and git, which most machines with Node have.
import { access, realpath } from "node:fs/promises";
import { delimiter, dirname, join } from "node:path";
import type { DocumentSource } from "./document-source.ts";
import { type Surroundings, findManualPages } from "./manual.ts";
import { programEnvironment, runProgram } from "./run-program.ts";

/**
 * npm's commands that work on a folder alone: they read and write package.json, package-lock.json, .npmrc and archives,
 * so their examples run in a sandbox without network or account. (install, publish, audit and the like would not.)
 */
const npmPages = "pkg version init pack config run query prefix root ls get set shrinkwrap".split(" ");
/**
 * git's commands that need a local repository and nothing else, and change or print it without an editor. Pages that
 * mostly list the shared options of diff and log (git-log, git-diff, git-rev-list, …) are left out: they are long, have
 * few examples, and repeat each other.
 */
const gitPages = (
  "init add commit status branch tag checkout switch restore reset rm mv stash config notes describe ls-files grep " +
  "shortlog clean revert cherry-pick worktree archive bundle blame ls-tree cat-file hash-object show-ref symbolic-ref " +
  "update-ref for-each-ref count-objects check-ignore"
).split(" ");

export interface DefaultSources {
  /** npm's pages as one folder, then git's pages in the order of the list above. */
  sources: DocumentSource[];
  /** One sentence on each manual that is not there. */
  missing: string[];
}

/** Finds the manuals on this machine; an empty list of sources means that neither is there. */
export async function defaultDocumentSources(environment: Surroundings, signal: AbortSignal): Promise<DefaultSources> {
  const sources: DocumentSource[] = [];
  const missing: string[] = [];
  const npm = await npmManual(environment, signal);
  if (npm === null)
    missing.push("npm's manual was not found: it comes with Node's own npm, which is not on PATH here.");
  else {
    sources.push({ kind: "path", path: npm, include: npmPages.map((page) => `commands/npm-${page}.md`) });
  }
  const git = await gitManual(environment, signal);
  if (git.length > 0) sources.push(...git);
  else
    missing.push(
      'git\'s manual pages were not found: install git with its documentation ("man git-tag" must show a page).',
    );
  return { sources, missing };
}

/**
 * The folder of npm's manual in Markdown. The npm on PATH comes first: it is the one that a sandbox runs. A wrapper
 * (a version manager's shim) leads nowhere, so npm itself is asked last.
 */
async function npmManual(environment: Surroundings, signal: AbortSignal): Promise<string | null> {
  const programs = (environment["PATH"] ?? "").split(delimiter).map((folder) => join(folder, "npm"));
  const bundled = join(dirname(process.execPath), "..", "lib", "node_modules", "npm", "bin", "npm-cli.js");
  for (const program of [...programs, environment["npm_execpath"] ?? "", bundled]) {
    const manual = await manualBeside(program);
    if (manual !== null) return manual;
  }
  const options = { environment: programEnvironment(environment), timeoutMs: 10_000, outputBytesMax: 64 * 1024 };
  const asked = await runProgram(["npm", "root", "--global"], options, signal).catch(() => null);
  signal.throwIfAborted();
  if (asked === null || asked.exitCode !== 0) return null;
  return manualBeside(join(new TextDecoder().decode(asked.output).trim(), "npm", "bin", "npm-cli.js"));
}

async function manualBeside(program: string): Promise<string | null> {
  try {
    const manual = join(dirname(await realpath(program)), "..", "docs", "content");
    await access(join(manual, "commands", "npm-pkg.md"));
    return manual;
  } catch {
    // Absence is what this function reports.
    return null;
  }
}

async function gitManual(environment: Surroundings, signal: AbortSignal): Promise<DocumentSource[]> {
  const pages = await findManualPages("git-*", "1", environment, signal).catch(() => []);
  signal.throwIfAborted();
  const installed = new Set(pages.map(({ name }) => name));
  return gitPages
    .map((page) => `git-${page}`)
    .filter((page) => installed.has(page))
    .map((page) => ({ kind: "manual", page, section: "1" }));
}
