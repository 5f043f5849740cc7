// Names of the streams behind buckets.
import { buckets } from "../../protocol/subjects.ts";

export const bucketStream = (bucket: string): string => `KV_${bucket}`;
export const objectStream = (bucket: string): string => `OBJ_${bucket}`;
export const blobStream = objectStream(buckets.blobs);
/** Snapshots of indexes. Apart from the other blobs, because they are removed when they are outdated. */
export const indexStream = objectStream(buckets.indexes);
