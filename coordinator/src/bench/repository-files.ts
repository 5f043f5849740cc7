// What a commit of a clone on this machine holds, as texts.
import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import { messageOf } from "@hindcast/shared";
import { NotExportable, type ProcessEnvironment, type RepositoryFile } from "@hindcast/shared/node";

const run = promisify(execFile);
/** As a task of the shell world has at most, see `ShellSpec` and `SeedFile`. */
const filesMax = 200;
const bytesMax = 200_000;
const listBytesMax = 1024 * 1024;
const timeoutMs = 60_000;

interface Commit {
  /** "owner/name" */
  repository: string;
  commit: string;
}

/**
 * Of `owner__name`, with or without `.git`, below one of the folders.
 * @throws NotExportable where it is not there, or holds what is no text or more than a task does
 */
export async function repositoryFiles(
  { repository, commit }: Commit,
  { folders, env }: { folders: readonly string[]; env: ProcessEnvironment },
): Promise<RepositoryFile[]> {
  const name = repository.replace("/", "__");
  const clone = folders
    .flatMap((folder) => [join(folder, name), join(folder, `${name}.git`)])
    .find((path) => existsSync(join(path, ".git")) || existsSync(join(path, "objects")));
  if (clone === undefined) {
    throw new NotExportable(
      `no clone ${name} or ${name}.git lies in ${folders.join(", ")}; name its folder with --repos`,
    );
  }
  const git = gitIn(clone, env);
  const entries = await entriesOf(git, commit);
  const files: RepositoryFile[] = [];
  for (const { path, object, isExecutable } of entries) {
    files.push({ path, content: textOf(path, await git("cat-file", "blob", object)), isExecutable });
  }
  return files;
}

type Git = (...args: string[]) => Promise<Buffer>;

async function entriesOf(git: Git, commit: string): Promise<{ path: string; object: string; isExecutable: boolean }[]> {
  const list = (await git("ls-tree", "-r", "-z", "-l", `${commit}^{tree}`)).toString("utf8");
  const entries = list
    .split("\0")
    .filter((line) => line !== "")
    .map((line) => {
      const [, mode = "", object = "", size = "", path = ""] =
        /^(\d+) \w+ ([0-9a-f]+) +(\S+)\t([\s\S]*)$/.exec(line) ?? [];
      return { mode, object, bytes: Number(size), path };
    });
  const odd = entries.find(({ mode }) => mode !== "100644" && mode !== "100755");
  if (odd !== undefined) throw new NotExportable(`its ${odd.path} is a link or a submodule, and folders carry files`);
  if (entries.length > filesMax)
    throw new NotExportable(`its repository has ${entries.length} files, and ${filesMax} fit a task`);
  const bytes = entries.reduce((sum, entry) => sum + entry.bytes, 0);
  if (bytes > bytesMax) throw new NotExportable(`its repository has ${bytes} bytes, and ${bytesMax} fit a task`);
  return entries.map(({ path, object, mode }) => ({ path, object, isExecutable: mode === "100755" }));
}

/** No configuration of the user's, and clones that belong to other users are read. */
function gitIn(clone: string, surroundings: ProcessEnvironment): Git {
  const env = {
    PATH: surroundings["PATH"] ?? "",
    GIT_CONFIG_NOSYSTEM: "1",
    GIT_CONFIG_GLOBAL: "/dev/null",
    GIT_TERMINAL_PROMPT: "0",
    LC_ALL: "C.UTF-8",
  };
  return async (...args) => {
    const options = {
      cwd: clone,
      env,
      timeout: timeoutMs,
      maxBuffer: Math.max(listBytesMax, bytesMax),
      encoding: "buffer",
    } as const;
    try {
      return (await run("git", ["-c", "safe.directory=*", ...args], options)).stdout;
    } catch (error) {
      const [line = ""] = messageOf(error)
        .split("\n")
        .toReversed()
        .filter((each) => each.trim() !== "");
      throw new NotExportable(`git could not read ${clone}: ${line.slice(0, 300)}`);
    }
  };
}

function textOf(path: string, content: Uint8Array): string {
  try {
    return new TextDecoder("utf-8", { fatal: true, ignoreBOM: true }).decode(content);
  } catch {
    throw new NotExportable(`its file ${path} is no text, and tasks carry texts`);
  }
}
