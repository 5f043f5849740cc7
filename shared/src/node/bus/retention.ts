// What is kept, and for how long: days and bytes per stream. The defaults lose nothing that a campaign needs.
import { limits } from "../../limits.ts";
import { blobStream, bucketStream } from "./stream-names.ts";
import { buckets, streams } from "../../protocol/subjects.ts";

export interface StreamRetention {
  /** Null: for ever. Blobs never go by age, because what is old may be named by what is new (garbage-collector.ts). */
  days: number | null;
  /** Null: until the disk is full. */
  bytesMax: number | null;
}

export const keptStreams = ["trajectories", "results", "journal", "blobs", "deadLetters", "advisories"] as const;
export type KeptStream = (typeof keptStreams)[number];
export type Retention = Record<KeptStream, StreamRetention>;

export const streamOf: Record<KeptStream, string> = {
  trajectories: streams.trajectories,
  results: streams.results,
  journal: bucketStream(buckets.journal),
  blobs: blobStream,
  deadLetters: streams.deadLetters,
  advisories: streams.advisories,
};

const dayMs = 86_400_000;

export const defaultRetention: Retention = {
  trajectories: { days: limits.trajectoryAgeMsMax / dayMs, bytesMax: null },
  results: { days: null, bytesMax: null },
  journal: { days: null, bytesMax: null },
  blobs: { days: null, bytesMax: null },
  deadLetters: { days: limits.deadLetterAgeMsMax / dayMs, bytesMax: null },
  advisories: { days: limits.advisoryAgeMsMax / dayMs, bytesMax: null },
};

/** As the server's settings; 0 and -1 are its words for "no limit". */
export function limitsOf({ days, bytesMax }: StreamRetention): { ageMs: number; bytes: number } {
  return { ageMs: days === null ? 0 : days * dayMs, bytes: bytesMax ?? -1 };
}
