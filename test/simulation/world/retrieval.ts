// Retrieval in a simulated process: the demonstrations that it has read from the log, newest first. It ranks nothing; what
// matters here is that it answers only what the log holds, and that episodes outlive its absence.
import {
  type Demonstration,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  subjects,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";

const version = "simulated";
const queue = "retrieval";

/** Answers until `drain` aborts. */
export async function runRetrieval(bus: Bus, drain: AbortSignal): Promise<void> {
  const known = new Map<string, Demonstration>();
  let indexSequence = 0;
  const find = (request: RetrievalRequest): RetrievalReply => ({
    v: 1,
    kind: "retrieval.found",
    answers: request.queries.map((query) => answerTo(query, [...known.values()].reverse())),
    indexSequence,
    indexVersion: version,
    tokenizer: version,
    tookMs: 0,
  });
  const search = { subject: subjects.retrievalSearch, request: RetrievalRequest, reply: RetrievalReply };
  const stats = { subject: subjects.retrievalStats, request: RetrievalStatsRequest, reply: RetrievalStats };
  await using _search = await bus.serve({ ...search, queue, handle: (request) => Promise.resolve(find(request)) });
  await using _stats = await bus.serve({
    ...stats,
    queue,
    handle: async () => ({
      v: 1 as const,
      kind: "retrieval.statistics" as const,
      demonstrations: known.size,
      byEnvironment: {},
      indexSequence,
      lag: (await bus.demonstrations.lastSequence()) - indexSequence,
      indexVersion: version,
    }),
  });
  for await (const entry of bus.demonstrations.follow(1, drain)) {
    if (entry.demonstration !== null) known.set(entry.demonstration.id, entry.demonstration);
    else if ("id" in entry) known.delete(entry.id);
    indexSequence = entry.sequence;
  }
}

/** Of the query's filters the one that agents use: what this campaign itself has learned is left out. */
function answerTo(
  query: RetrievalRequest["queries"][number],
  known: Demonstration[],
): RetrievalReply["answers"][number] {
  const { filter } = query;
  const own = filter !== null && "not" in filter && "eq" in filter.not ? filter.not.eq[1] : null;
  const hits = known
    .filter(({ environment, campaignId }) => environment === query.environment && campaignId !== own)
    .slice(0, query.observationBased)
    .map((demonstration, rank) => ({
      demonstration,
      reference: {
        demonstrationId: demonstration.id,
        position: 0,
        retriever: "observation-bm25" as const,
        rank,
        score: 1,
      },
      tokens: 1,
      window: null,
      fused: null,
    }));
  const dropped = { duplicate: 0, perTrajectory: 0, tokenBudget: 0 };
  return { hits, dropped, passing: known.length, epoch: "", explain: null };
}
