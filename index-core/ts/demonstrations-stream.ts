// Of which stream an index is. A stream that is made anew under its old name counts from the beginning again, and soon
// nothing in its sequences tells it from the one before; so what an index was made from is noted beside its folder.
import { readFile, rename, rm, writeFile } from "node:fs/promises";
import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, limits } from "@hindcast/shared";
import type { DemonstrationLog, Logger } from "@hindcast/shared/node";

const streamPollMs = 500;

interface OpenIndex {
  close(): Promise<void>;
}

/**
 * The index that is open, or an empty one in its place where the folder is of another stream.
 * @param born when the stream was made
 * @param beside what was noted of that stream beside the folder, and means nothing for another
 */
export async function indexOfStream<I extends OpenIndex>(
  index: I,
  open: () => Promise<I>,
  { folder, born, beside, logger }: { folder: string; born: string; beside: string; logger: Logger },
): Promise<I> {
  const file = `${folder}.stream`;
  const known = await readWhereThere(file);
  if (known === born) return index;
  const isOther = known !== null;
  if (isOther) {
    logger.warn({ event: "index.outdated", streamOf: known, born });
    await index.close();
    await rm(beside, { force: true });
    await rm(folder, { recursive: true, force: true });
  }
  // After the folder is gone: whoever is killed in between finds an empty folder of the old stream, and removes that.
  await writeFile(`${file}.draft`, born, { flush: true });
  await rename(`${file}.draft`, file);
  return isOther ? await open() : index;
}

/** Null for a file that is not there; one that cannot be read says nothing, and must not be taken for none. */
async function readWhereThere(file: string): Promise<string | null> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw error;
  }
}

/** The stream's last sequence. A coordinator creates the stream; a replica may be up before it, and waits. */
export async function endOfStream(log: Pick<DemonstrationLog, "lastSequence">, signal: AbortSignal): Promise<number> {
  const deadline = performance.now() + limits.streamWaitMsMax;
  for (;;) {
    try {
      return await log.lastSequence();
    } catch (error) {
      const isMissing = error instanceof HindcastError && error.code === "BUS_NOT_FOUND";
      if (!isMissing || performance.now() > deadline) throw error;
      await delay(streamPollMs, undefined, { signal });
    }
  }
}
