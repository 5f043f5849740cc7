// Names the image of a pod's sandbox: a recipe's root with a guest in it, both by content, so that an agent never talks to
// another guest than its own.
import { readFile } from "node:fs/promises";
import { sha256Hex } from "@hindcast/shared/node";

/**
 * @param hash of the recipe
 * @param guestPath the guest that the image holds
 */
export async function podImage(repository: string, hash: string, guestPath: string): Promise<string> {
  const guest = sha256Hex(await readFile(guestPath));
  return `${repository}:${hash.slice(0, 32)}-${guest.slice(0, 12)}`;
}
