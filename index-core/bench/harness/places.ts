// Where the benchmark keeps what it makes, and what came with the source.
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const benchFolder = dirname(dirname(fileURLToPath(import.meta.url)));
export const crateFolder = dirname(benchFolder);
export const root = dirname(crateFolder);
/** Data, peers and built indexes; ignored by git, safe to delete. */
export const workFolder = join(root, ".hindcast", "bench");
/** Holds the documents that the project was given; absent in a plain checkout. */
export const sharedData = join(dirname(root), "shared", "data");
