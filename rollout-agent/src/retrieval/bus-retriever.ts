import { observationText, observedAt, RetrievalReply, RetrievalRequest, subjects } from "@hindcast/shared";
import type { Filter, ModelCall, RolloutTask, Trajectory } from "@hindcast/shared";
import { ask, type Bus, inSpan, type Model, retrievalQuery } from "@hindcast/shared/node";
import type { Retrieval, Retriever } from "./retriever.ts";

/** Longest wait for an answer; retrieval is on the path of every step. */
const deadlineMs = 10_000;

/** Both retrievers of Algorithm 2 in one request to the retrieval service; the query is written by the policy's model. */
export class BusRetriever implements Retriever {
  readonly #bus: Pick<Bus, "request">;
  readonly #model: Model;

  constructor(bus: Pick<Bus, "request">, model: Model) {
    this.#bus = bus;
    this.#model = model;
  }

  async demonstrationsFor(task: RolloutTask, trajectory: Trajectory, signal: AbortSignal): Promise<Retrieval> {
    const settings = task.retrieval;
    if (settings === null || settings.observationBased + settings.modelBased === 0)
      return { demonstrations: [], calls: [] };
    const { query, calls } =
      settings.modelBased > 0 ? await this.#writeQuery(task, trajectory, signal) : { query: null, calls: [] };
    const observation = observationText(observedAt(trajectory, trajectory.steps.length).observation);
    const attributes = { "gen_ai.operation.name": "retrieval", "gen_ai.data_source.id": "hindcast-retrieval" };
    const search = (): Promise<RetrievalReply> =>
      this.#bus.request({
        subject: subjects.retrievalSearch,
        request: RetrievalRequest,
        reply: RetrievalReply,
        value: {
          v: 1,
          kind: "retrieval.search",
          minSequence: null,
          deadlineMs,
          queries: [
            {
              environment: task.environment.kind,
              observation: settings.observationBased > 0 ? observation : null,
              query,
              observationBased: settings.observationBased,
              modelBased: settings.modelBased,
              filter: filterFor(task),
              exclude: {
                demonstrations: [],
                tasks: task.excludeFromRetrieval.taskIds,
                documents: task.excludeFromRetrieval.documentIds,
                episodes: [task.episodeId],
              },
              perTrajectoryMax: settings.perTrajectoryMax,
              tokenBudget: settings.tokenBudget,
            },
          ],
        },
        timeoutMs: deadlineMs,
        signal,
      });
    const reply = await inSpan("retrieval hindcast-retrieval", { kind: "client", attributes }, search);
    const hits = reply.answers[0]?.hits ?? [];
    return { demonstrations: hits.map(({ demonstration, reference }) => ({ demonstration, reference })), calls };
  }

  /** A model that refuses or fails to write a query leaves observation-based retrieval; its calls are still counted. */
  async #writeQuery(
    task: RolloutTask,
    trajectory: Trajectory,
    signal: AbortSignal,
  ): Promise<{ query: string | null; calls: ModelCall[] }> {
    const input = { instruction: task.instruction.text, trajectory };
    const answer = await ask(this.#model, retrievalQuery, input, { seed: task.seed, signal });
    return { query: answer.ok ? answer.value : null, calls: answer.calls };
  }
}

/**
 * While it learns, a campaign sees only what earlier ones learned: what its own has stored so far is a matter of timing,
 * and two runs with one seed must see the same. A task of a benchmark sees that benchmark's demonstrations: the paper
 * has a data set for each.
 */
function filterFor({ use, campaignId, benchmark = null }: RolloutTask): Filter | null {
  const learned: Filter[] = use === "learn" ? [{ not: { eq: ["campaign", campaignId] } }] : [];
  const same: Filter[] = benchmark === null ? [] : [{ eq: ["benchmark", benchmark] }];
  const filters = [...learned, ...same];
  return filters.length > 1 ? { and: filters } : (filters[0] ?? null);
}
