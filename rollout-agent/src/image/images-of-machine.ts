// The image cache of this machine, and the recipe that its settings name.
import { constants } from "node:fs";
import { access, readFile } from "node:fs/promises";
import { homedir } from "node:os";
import { join } from "node:path";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { z } from "zod";
import { listCopies } from "../sandbox/container/container-images.ts";
import { DockerEngine } from "../sandbox/container/docker-engine.ts";
import { buildRoot } from "./build-root.ts";
import { ImageCache, type ImageCopy } from "./image-cache.ts";
import { ImageRecipe } from "./recipe.ts";

export interface ImageSettings {
  sandboxImageFolder: string | null;
  sandboxRecipe: string | null;
  /** Of the daemon whose copies of images count, whichever driver is chosen now. */
  sandboxDockerSocket: string;
  searchPath: string;
}

/** What the shell world's documents are about, and little else. */
export const defaultRecipe: ImageRecipe = ImageRecipe.parse({
  name: "small-debian",
  suite: "bookworm",
  packages: ["ca-certificates", "file", "git", "jq", "less", "make", "man-db", "nodejs", "patch", "python3", "unzip"],
});

/** Where other users can pass: root's sandboxes run as nobody, who cannot look into a private home. */
export function imageFolder({ sandboxImageFolder }: Pick<ImageSettings, "sandboxImageFolder">): string {
  if (sandboxImageFolder !== null) return sandboxImageFolder;
  return process.getuid?.() === 0 ? "/var/cache/hindcast" : join(homedir(), ".cache/hindcast/images");
}

export function imagesOfMachine(
  settings: ImageSettings,
  { guestPath, log }: { guestPath: string; log: { info: (fields: object, message: string) => void } },
): ImageCache {
  const { searchPath, sandboxDockerSocket } = settings;
  const folder = imageFolder(settings);
  return new ImageCache({
    folder,
    copies: () => copiesAt(sandboxDockerSocket, folder),
    bytesMax: limits.imageBytesMax,
    build: (recipe, root, signal) => buildRoot(recipe, root, { guestPath, searchPath }, signal),
    log,
  });
}

/** Where no daemon is, or one that we may not ask, there is nothing of ours. */
async function copiesAt(socketPath: string, folder: string): Promise<ImageCopy[]> {
  try {
    await access(socketPath, constants.W_OK);
  } catch {
    return [];
  }
  return await listCopies(new DockerEngine(socketPath), folder);
}

/** @throws CONFIG_INVALID for a file that is missing or no recipe. */
export async function readRecipe(path: string): Promise<ImageRecipe> {
  try {
    const parsed = ImageRecipe.safeParse(JSON.parse(await readFile(path, "utf8")));
    if (parsed.success) return parsed.data;
    throw new Error(z.prettifyError(parsed.error));
  } catch (error) {
    const message = `the image recipe ${path} cannot be used: ${messageOf(error)}`;
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message, cause: error });
  }
}
