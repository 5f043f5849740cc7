// Files that a clone lacks and whose content is not to be had any more as it was: tables of measurements that are too
// large for partial clones (benchmarks.md §1.4). A release of the project holds a later edition, which stands in.
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { messageOf } from "@hindcast/shared";
import type { LostFile } from "./cures.ts";
import { unavailable } from "./errors.ts";
import { mustRun, type ProgramOptions } from "./host-program.ts";

/** Of listing a commit's files; the largest of SWE-bench's repositories has 60,000. */
const listBytesMax = 32 * 1024 * 1024;

/** What git says of objects that a commit has and the clone has not. */
interface Lost {
  file: LostFile;
  object: string;
}

/** Names the paths of files that are another edition's, one a line; the testbed tells git not to look at them. */
export const standInList = "stand-ins";

/**
 * Which of the known files the clone lacks, where it lacks nothing else of the commit; null otherwise.
 * @param source git, told where the clone is
 */
export async function lostFilesOf(
  { source, commit, known }: { source: readonly string[]; commit: string; known: readonly LostFile[] },
  options: ProgramOptions,
  signal: AbortSignal,
): Promise<Lost[] | null> {
  if (known.length === 0) return null;
  const long = { ...options, outputBytesMax: listBytesMax };
  const listing = ["rev-list", "--objects", "--no-walk", "--missing=print", commit];
  const objects = await mustRun([...source, ...listing], long, signal);
  const missing = [...objects.matchAll(/^\?([0-9a-f]{40})/gm)].map(([, object = ""]) => object);
  const tree = await mustRun([...source, "ls-tree", commit, "--", ...known.map(({ path }) => path)], options, signal);
  const lost = known.flatMap((file): Lost[] => {
    const entry = tree.split("\n").find((line) => line.endsWith(`\t${file.path}`));
    const object = /^100(?:644|755) blob ([0-9a-f]{40})\t/.exec(entry ?? "")?.[1];
    return object !== undefined && missing.includes(object) ? [{ file, object }] : [];
  });
  return missing.length > 0 && lost.length === missing.length ? lost : null;
}

/**
 * Puts the release's edition into the repository `to`, in the lost one's stead and under its name.
 * @throws ENVIRONMENT_UNAVAILABLE naming the file and the release that could not be had
 */
export async function layStandIns(
  lost: readonly Lost[],
  { target, to, options }: { target: readonly string[]; to: string; options: ProgramOptions },
  signal: AbortSignal,
): Promise<void> {
  for (const { file, object } of lost) {
    const { path, requirement } = file;
    const [download, content] = [join(to, "stand-in"), join(to, "stand-in.content")];
    try {
      await mustRun(["python3", "-c", unpackFromWheel, requirement, path, download, content], options, signal);
      const blob = (await mustRun([...target, "hash-object", "--no-filters", "-w", content], options, signal)).trim();
      // Written as a reference: `git replace` wants to see the object that is not there.
      await mustRun([...target, "update-ref", `refs/replace/${object}`, blob], options, signal);
    } catch (error) {
      signal.throwIfAborted();
      throw unavailable(
        `the clone lacks ${path}, and the one of ${requirement} could not stand in: ${messageOf(error)}`,
        error,
      );
    }
    await mustRun(["rm", "-rf", download, content], options, signal);
  }
  writeFileSync(join(to, standInList), lost.map(({ file: { path } }) => `${path}\n`).join(""));
}

/** A wheel: an archive that is only looked into, where a source distribution would run its own build to be described. */
const unpackFromWheel = `
import glob, shutil, subprocess, sys, zipfile
requirement, path, folder, content = sys.argv[1:]
flags = "--quiet --no-deps --only-binary :all: --python-version 3.11 --implementation cp --abi cp311"
platforms = ["--platform", "manylinux2014_x86_64", "--platform", "manylinux_2_17_x86_64"]
subprocess.run([sys.executable, "-m", "pip", "download", *flags.split(), *platforms, "--dest", folder, requirement], check=True)
(wheel,) = glob.glob(folder + "/*.whl")
with zipfile.ZipFile(wheel) as archive, archive.open(path) as source, open(content, "wb") as to:
    shutil.copyfileobj(source, to)
`;
