// An export appears at once or not at all: it is written into a hidden sibling of its folder (same file system, so the
// final rename is atomic) and takes the folder's name when every file in it is complete.
import { mkdir, mkdtemp, readdir, readFile, rename, rm } from "node:fs/promises";
import { basename, dirname, join, resolve } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { z } from "zod";

/** Name of the file that marks a folder as an export of ours. */
export const manifestName = "manifest.json";
export const manifestKind = "hindcast.export";

export class StagingFolder implements AsyncDisposable {
  /** Where files are written to. */
  readonly path: string;
  readonly #target: string;
  #isCommitted = false;

  private constructor(path: string, target: string) {
    this.path = path;
    this.#target = target;
  }

  /**
   * @throws HindcastError `EXPORT_FAILED` when the target is a file, or a folder that is not empty; with `replace`,
   *   only when it holds something other than an earlier export.
   * @param replace null: no earlier export is known by its looks, so none is ever replaced
   */
  static async beside(directory: string, replace: boolean | null): Promise<StagingFolder> {
    const target = resolve(directory);
    await refuseUnlessFree(target, replace);
    await mkdir(dirname(target), { recursive: true });
    return new StagingFolder(await mkdtemp(join(dirname(target), `.${basename(target)}.partial-`)), target);
  }

  /** Gives the folder its name; an earlier export there is removed after the new one has taken its place. */
  async commit(): Promise<void> {
    const old = `${this.path}.old`;
    const hadOld = await rename(this.#target, old).then(
      () => true,
      (error: unknown) => {
        if (isMissing(error)) return false;
        throw error;
      },
    );
    await rename(this.path, this.#target);
    this.#isCommitted = true;
    if (hadOld) await rm(old, { recursive: true });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.#isCommitted) await rm(this.path, { recursive: true, force: true });
  }
}

async function refuseUnlessFree(target: string, replace: boolean | null): Promise<void> {
  const entries = await readdir(target).catch((error: unknown) => {
    if (isMissing(error)) return [];
    throw new HindcastError({
      code: "EXPORT_FAILED",
      boundary: "export",
      message: `${target} cannot be used as the export's folder (${messageOf(error)}); name one that does not exist yet`,
      cause: error,
    });
  });
  if (entries.length === 0) return;
  if (replace !== true) {
    const other = replace === null ? "" : ", or replace an earlier export there with --replace";
    throw new HindcastError({
      code: "EXPORT_FAILED",
      boundary: "export",
      message: `${target} is not empty; name another folder${other}`,
    });
  }
  if (!(await isExport(target))) {
    throw new HindcastError({
      code: "EXPORT_FAILED",
      boundary: "export",
      message: `${target} is not empty and no earlier export (it has no ${manifestName} of one), so it is not replaced.`,
    });
  }
}

async function isExport(folder: string): Promise<boolean> {
  try {
    const manifest: unknown = JSON.parse(await readFile(join(folder, manifestName), "utf8"));
    return z.object({ kind: z.literal(manifestKind) }).safeParse(manifest).success;
  } catch (error) {
    if (isMissing(error) || error instanceof SyntaxError) return false;
    throw error;
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
