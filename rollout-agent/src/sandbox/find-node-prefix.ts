import { accessSync, constants, realpathSync, statSync } from "node:fs";
import { dirname, join } from "node:path";

/**
 * The installation folder of the first Node on `searchPath` (colon-separated, as PATH) that lies outside /usr, where
 * sandboxes see everything anyway. A package manager's copy below node_modules is not an installation; only a folder
 * that also holds npm is.
 */
export function findNodePrefix(searchPath: string): string | null {
  for (const directory of searchPath.split(":")) {
    if (!directory.startsWith("/") || directory.includes("/node_modules/")) continue;
    const prefix = installationOf(join(directory, "node"));
    if (prefix !== null && !prefix.startsWith("/usr/") && prefix !== "/usr") return prefix;
  }
  return null;
}

function installationOf(node: string): string | null {
  try {
    const prefix = dirname(dirname(realpathSync(node)));
    accessSync(join(prefix, "lib/node_modules/npm"), constants.R_OK);
    // Root's sandboxes run as users of their own, who cannot look into a private home.
    return process.getuid?.() !== 0 || isPublic(prefix) ? prefix : null;
  } catch {
    // Not installed here, or not for us to read.
    return null;
  }
}

function isPublic(directory: string): boolean {
  const isPassable = (statSync(directory).mode & 0o001) !== 0;
  return isPassable && (directory === "/" || isPublic(dirname(directory)));
}
