// Anthropic's Message Batches (`/v1/messages/batches`), as platform.claude.com documents them: the envelope is checked when
// a batch is created, each request's own parameters only when it is worked on.
import {
  type EmulatedBatches,
  type BatchRequest,
  type Job,
  type Outcome,
  scriptedOutcome,
  withMishap,
} from "./batches.ts";
import { type Failure, type HttpReply, json, type RecordedRequest, type Surroundings, type Wire } from "./emulator.ts";

const requestsMax = 100_000;
const bytesMax = 256 * 1024 * 1024;

export interface AnthropicBatchOptions {
  batches: EmulatedBatches;
  wire: Pick<Wire, "refuse" | "answer">;
  access: (request: RecordedRequest) => HttpReply | null;
  error: (status: number, type: string, message: string) => HttpReply;
  failure: (failure: Failure) => HttpReply;
}

export async function serveAnthropicBatches(
  request: RecordedRequest,
  surroundings: Surroundings,
  options: AnthropicBatchOptions,
): Promise<HttpReply | null> {
  const { batches, access, error, failure } = options;
  const url = new URL(request.path, surroundings.url);
  const route = /^\/v1\/messages\/batches(?:\/([^/]+)(?:\/(results|cancel))?)?$/.exec(url.pathname);
  if (route === null) return null;
  const problem = access(request);
  if (problem !== null) return problem;
  const [, id, verb] = route;
  const wireOf = (job: Job): object => batchOf(job, surroundings.url);
  const look = (job: Job): Promise<void> =>
    batches.look(job, (each) => outcomeOf(request, each, { surroundings, wire: options.wire }));
  if (id === undefined) {
    if (request.method === "GET") {
      return withMishap(batches.mishapOf("list"), failure, async () => {
        for (const job of batches.jobs) await look(job);
        return pageOf(batches.newestFirst(), url, wireOf);
      });
    }
    return withMishap(batches.mishapOf("create"), failure, async () => {
      const refusal = envelopeProblem(request.body, surroundings.text);
      if (refusal !== null) return error(400, "invalid_request_error", refusal);
      const requests = (request.body["requests"] as { custom_id: string; params: Record<string, unknown> }[]).map(
        ({ custom_id, params }) => ({ id: custom_id, body: params }),
      );
      return json(200, wireOf(batches.create({ name: "", model: "", requests })));
    });
  }
  const job = batches.jobs.find((each) => `msgbatch_${each.id}` === id);
  if (job === undefined) return error(404, "not_found_error", `Batch ${id} not found`);
  if (verb === "cancel") {
    return withMishap(batches.mishapOf("cancel"), failure, async () => {
      if (job.state === "running") job.state = "cancelling";
      return json(200, wireOf(job));
    });
  }
  if (verb === "results") {
    if (job.state !== "ended") return error(404, "not_found_error", `Batch ${id} has no available results`);
    const lines = job.outcomes.map((each) => `${JSON.stringify(lineOf(each, options))}\n`);
    const headers = { "content-type": "application/x-jsonl" };
    return withMishap(batches.mishapOf("results"), failure, async () => ({ status: 200, headers, frames: lines }));
  }
  return withMishap(batches.mishapOf("poll"), failure, async () => {
    await look(job);
    return json(200, wireOf(job));
  });
}

function envelopeProblem({ requests, ...extra }: Record<string, unknown>, text: string): string | null {
  const [field] = Object.keys(extra);
  if (field !== undefined) return `${field}: Extra inputs are not permitted`;
  if (!Array.isArray(requests) || requests.length === 0) return "requests: List should have at least 1 item";
  if (requests.length > requestsMax) return `requests: List should have at most ${requestsMax} items`;
  if (Buffer.byteLength(text) > bytesMax) return "Request exceeds the maximum size";
  const seen = new Set<string>();
  for (const [i, each] of (requests as { custom_id?: unknown; params?: unknown }[]).entries()) {
    const { custom_id: id, params, ...more } = each;
    const [stranger] = Object.keys(more);
    if (stranger !== undefined) return `requests.${i}.${stranger}: Extra inputs are not permitted`;
    if (typeof id !== "string" || !/^[a-zA-Z0-9_-]{1,64}$/.test(id)) {
      return `requests.${i}.custom_id: String should match pattern '^[a-zA-Z0-9_-]{1,64}$'`;
    }
    if (seen.has(id)) return `requests: custom_id values must be unique; ${id} is not`;
    if (params === null || typeof params !== "object") return `requests.${i}.params: Field required`;
    if ("stream" in params && params.stream === true) return `requests.${i}.params.stream: Input should be false`;
    seen.add(id);
  }
  return null;
}

function outcomeOf(
  { headers }: RecordedRequest,
  { body }: BatchRequest,
  { surroundings, wire }: { surroundings: Surroundings; wire: AnthropicBatchOptions["wire"] },
): Promise<Outcome> {
  const single = { method: "POST", path: "/v1/messages", headers, body };
  return scriptedOutcome(single, { reply: surroundings.reply, refuse: (request) => wire.refuse(request) });
}

function lineOf({ request, outcome }: Job["outcomes"][number], { wire, failure }: AnthropicBatchOptions): object {
  const single = { method: "POST", path: "/v1/messages", headers: {}, body: request.body };
  const errored = (reply: HttpReply): object => ({
    type: "errored",
    error: JSON.parse(reply.frames.join("")) as object,
  });
  const result = (): object => {
    switch (outcome.kind) {
      case "answer": {
        const message = JSON.parse(wire.answer(single, outcome.answer).frames.join("")) as { usage: object };
        return { type: "succeeded", message: { ...message, usage: { ...message.usage, service_tier: "batch" } } };
      }
      case "failure":
        return errored(failure(outcome.failure));
      case "refusal":
        return errored(outcome.reply);
      case "expired":
        return { type: "expired" };
      case "cancelled":
        return { type: "canceled" };
    }
  };
  return { custom_id: request.id, result: result() };
}

function batchOf({ id, createdAt, requests, state, outcomes }: Job, url: string): object {
  const isOver = state === "ended" || state === "archived";
  const count = (...kinds: Outcome["kind"][]): number =>
    isOver ? outcomes.filter(({ outcome }) => kinds.includes(outcome.kind)).length : 0;
  const at = (ms: number): string => new Date(Date.parse(createdAt) + ms).toISOString();
  return {
    id: `msgbatch_${id}`,
    type: "message_batch",
    processing_status: isOver ? "ended" : state === "cancelling" ? "canceling" : "in_progress",
    request_counts: {
      processing: isOver ? 0 : requests.length,
      succeeded: count("answer"),
      errored: count("failure", "refusal"),
      canceled: count("cancelled"),
      expired: count("expired"),
    },
    created_at: createdAt,
    expires_at: at(24 * 3_600_000),
    ended_at: isOver ? at(1) : null,
    cancel_initiated_at: state === "cancelling" ? at(1) : null,
    archived_at: state === "archived" ? at(2) : null,
    results_url: state === "ended" ? `${url}/v1/messages/batches/msgbatch_${id}/results` : null,
  };
}

function pageOf(jobs: Job[], url: URL, wireOf: (job: Job) => object): HttpReply {
  const limit = Number(url.searchParams.get("limit") ?? 20);
  const after = url.searchParams.get("after_id");
  const from = after === null ? 0 : jobs.findIndex(({ id }) => `msgbatch_${id}` === after) + 1;
  const page = jobs.slice(from, from + limit);
  const idOf = (job: Job | undefined): string | null => (job === undefined ? null : `msgbatch_${job.id}`);
  return json(200, {
    data: page.map(wireOf),
    has_more: from + limit < jobs.length,
    first_id: idOf(page[0]),
    last_id: idOf(page.at(-1)),
  });
}
