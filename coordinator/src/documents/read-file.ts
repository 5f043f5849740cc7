import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { messageOf } from "@hindcast/shared";

/**
 * The bytes of a regular file. Its size is checked before anything is read, and a pipe or device is never waited for.
 *
 * @throws Error with what is wrong and what to do.
 */
export async function readFileBytes(path: string, bytesMax: number): Promise<Uint8Array> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: unknown) => {
    throw new Error(openProblem(error), { cause: error });
  });
  try {
    const status = await file.stat();
    if (!status.isFile()) throw new Error("is not a regular file (a pipe, socket or device); exclude it");
    if (status.size > bytesMax) {
      throw new Error(
        `has ${status.size} bytes, more than the ${bytesMax} that are read of one file; split or exclude it`,
      );
    }
    if (status.size === 0) throw new Error("is empty; fill or exclude it");
    // A file that grows while it is read ends at the size it had.
    const bytes = new Uint8Array(status.size);
    let filled = 0;
    while (filled < bytes.length) {
      const { bytesRead } = await file.read(bytes, filled, bytes.length - filled);
      if (bytesRead === 0) break;
      filled += bytesRead;
    }
    return bytes.subarray(0, filled);
  } finally {
    await file.close();
  }
}

export function openProblem(error: unknown): string {
  switch ((error as NodeJS.ErrnoException).code) {
    case "EACCES":
    case "EPERM":
      return "may not be read by this user; change its permissions or exclude it";
    case "ENOENT":
      return "does not exist (a broken link?); mend or exclude it";
    case "ELOOP":
      return "is a link that leads back to itself; remove or exclude it";
    case "ENXIO":
      return "is not a regular file (a pipe, socket or device); exclude it";
    default:
      return `could not be opened: ${messageOf(error)}`;
  }
}
