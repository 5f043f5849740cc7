// What replicas of an index tell each other of their graphs, through the log that they all follow: so that each of them
// searches the same graphs at the same sequence.
import { z } from "zod";

const ordinal = z.int().nonnegative().max(4_294_967_295);

const common = {
  v: z.literal(1),
  /** Replicas of one index: equal rules, embedder and partition. Others pass the entry over. */
  group: z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/),
  environment: z.string().min(1).max(64),
  /** First sequence of the range, and the first behind it. */
  from: ordinal,
  to: ordinal,
};

/** Here a graph begins: of the demonstrations of the range that are alive at this entry. */
export const GraphBegin = z.strictObject({
  ...common,
  kind: z.literal("graph.begin"),
  /** False: most of them have gone, and the range is to be scanned again. */
  hasGraph: z.boolean(),
  /** What the writer had applied: of several that write at once, the first is heard. */
  after: z.int().nonnegative(),
});

/** From here on it is searched. Written by whoever has built it first. */
export const GraphReady = z.strictObject({
  ...common,
  kind: z.literal("graph.ready"),
  /** Sequence of the entry that began it. */
  begunAt: z.int().positive(),
  /** Of what the writer has built. */
  fingerprint: z.string().regex(/^[0-9a-f]{16}$/),
});

export const GraphEntry = z.discriminatedUnion("kind", [GraphBegin, GraphReady]);
export type GraphEntry = z.infer<typeof GraphEntry>;
