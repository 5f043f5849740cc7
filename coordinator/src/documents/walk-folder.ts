import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { extname, join, matchesGlob, relative, sep } from "node:path";
import { limits } from "@hindcast/shared";
import type { DocumentProblem } from "./document-source.ts";
import { formatOfName } from "./format.ts";
import { openProblem } from "./read-file.ts";

/** Never documentation, and often huge. */
const excludedFolders = new Set(["node_modules", "__pycache__"]);

export interface FolderListing {
  /** Relative to the folder, with `/`, sorted by code unit: the same folder gives the same order everywhere. */
  files: string[];
  problems: DocumentProblem[];
  /** Files of other kinds, counted by extension. */
  ignored: Record<string, number>;
}

/**
 * Lists the files to read below `root`: those whose name promises a supported format, or exactly those that `include`
 * matches. Hidden files and folders are left out unless `include` names them. Links to folders are not followed: what
 * they lead to is either listed at its own place or lies outside, and documents are sent to models, so what a link
 * smuggles in from outside (a key file in somebody's home) is reported instead.
 *
 * @throws the file system's error when `root` itself cannot be listed.
 */
export async function walkFolder(
  root: string,
  include: readonly string[],
  exclude: readonly string[],
): Promise<FolderListing> {
  const listing: FolderListing = { files: [], problems: [], ignored: {} };
  const realRoot = await realpath(root);
  const folders = [""];
  for (let folder = folders.pop(); folder !== undefined; folder = folders.pop()) {
    const entries = await entriesOf(realRoot, folder, listing);
    for (const entry of entries) {
      const path = folder === "" ? entry.name : `${folder}/${entry.name}`;
      const isHidden = entry.name.startsWith(".") && !include.some((glob) => /(?:^|\/)\./.test(glob));
      if (isHidden || exclude.some((glob) => matchesGlob(path, glob))) continue;
      if (entry.isDirectory()) {
        if (!excludedFolders.has(entry.name)) folders.push(path);
      } else if (
        isWanted(path, include, listing) &&
        (await isReadable(realRoot, path, entry.isSymbolicLink(), listing))
      ) {
        listing.files.push(path);
      }
      if (listing.files.length >= limits.documentFilesMax) {
        listing.problems.push({
          source: root,
          problem: `holds more than ${limits.documentFilesMax} files; the rest is not read`,
        });
        return sorted(listing);
      }
    }
  }
  return sorted(listing);
}

async function entriesOf(root: string, folder: string, listing: FolderListing): Promise<Dirent[]> {
  try {
    return await readdir(join(root, folder), { withFileTypes: true });
  } catch (error) {
    if (folder === "") throw error;
    listing.problems.push({ source: folder, problem: openProblem(error) });
    return [];
  }
}

function isWanted(path: string, include: readonly string[], listing: FolderListing): boolean {
  if (include.length > 0) return include.some((glob) => matchesGlob(path, glob));
  if (formatOfName(path) !== null) return true;
  const extension = extname(path).toLowerCase();
  listing.ignored[extension] = (listing.ignored[extension] ?? 0) + 1;
  return false;
}

async function isReadable(root: string, path: string, isLink: boolean, listing: FolderListing): Promise<boolean> {
  if (!isLink) return true;
  try {
    const target = await realpath(join(root, path));
    if (relative(root, target).split(sep)[0] === "..") {
      const problem = `is a link that leads out of the folder, to ${target}; give that place as a source of its own`;
      listing.problems.push({ source: path, problem });
      return false;
    }
    return !(await stat(target)).isDirectory();
  } catch (error) {
    listing.problems.push({ source: path, problem: openProblem(error) });
    return false;
  }
}

function sorted(listing: FolderListing): FolderListing {
  const byCodeUnit = (a: string, b: string): number => (a < b ? -1 : a > b ? 1 : 0);
  listing.files.sort(byCodeUnit);
  listing.problems.sort((a, b) => byCodeUnit(a.source, b.source));
  return listing;
}
