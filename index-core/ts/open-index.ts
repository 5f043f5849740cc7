// The index of a replica: what its folder holds, or an empty one where that cannot be used. The stream has everything,
// so nothing is lost by starting over; a folder of a later version is left for the process that it belongs to.
import { HindcastError, type ErrorCode } from "@hindcast/shared";
import type { Logger } from "@hindcast/shared/node";
import { DemonstrationIndex, type DemonstrationIndexOptions } from "./demonstration-index.ts";

const startsOver: readonly ErrorCode[] = ["INDEX_CORRUPT", "INDEX_FOREIGN"];

/** @throws INDEX_LOCKED, INDEX_NEWER, INDEX_IO, INDEX_NOT_READY */
export async function openIndex(options: DemonstrationIndexOptions, logger: Logger): Promise<DemonstrationIndex> {
  try {
    return await DemonstrationIndex.open(options);
  } catch (error) {
    const isUnusable = error instanceof HindcastError && startsOver.includes(error.code);
    if (!isUnusable || options.folder === undefined) throw error;
    logger.warn({ event: "index.discarded", folder: options.folder, problem: error.message });
    await DemonstrationIndex.discard(options.folder);
    return await DemonstrationIndex.open(options);
  }
}
