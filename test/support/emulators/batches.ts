// Batches as both providers have them: taken at once, worked on later, answered in another order, some of them not at
// all. What a test wants to go wrong is said here; how it looks on the wire is anthropic-batches.ts and gemini-batches.ts.
import { setTimeout as sleep } from "node:timers/promises";
import type { Answer, Failure, HttpReply, RecordedRequest, Surroundings } from "./emulator.ts";

export interface BatchRequest {
  /** Of the client. */
  id: string;
  /** Of the single request that it stands for. */
  body: Record<string, unknown>;
}

export type Outcome =
  | { kind: "answer"; answer: Answer }
  | { kind: "failure"; failure: Failure }
  /** The service refuses this one request. */
  | { kind: "refusal"; reply: HttpReply }
  | { kind: "expired" }
  | { kind: "cancelled" };

export interface Job {
  id: string;
  name: string;
  model: string;
  createdAt: string;
  requests: BatchRequest[];
  state: "running" | "cancelling" | "ended" | "archived";
  /** In the order in which they are told. */
  outcomes: { request: BatchRequest; outcome: Outcome }[];
}

export type Endpoint = "create" | "poll" | "results" | "list" | "cancel";

/** `failure`: answered as an error. `lost`: done, but the connection is cut before the answer. `cut`: half an answer. */
export type Mishap = { on: Endpoint; as: Failure | "lost" | "cut" };

export class EmulatedBatches {
  readonly jobs: Job[] = [];
  /** The body of every request that was answered: what the customer pays for. */
  readonly bought: string[] = [];
  /** How often a job is asked about before it has ended. */
  pollsUntilEnd = 1;
  /** Jobs do not end while this is set. */
  isHeld = false;
  /** What becomes of a request instead of an answer. */
  fate: (request: BatchRequest, job: Job) => "answer" | "expired" | Failure = () => "answer";
  readonly #mishaps: Mishap[] = [];
  readonly #polls = new Map<string, number>();
  readonly #working = new Map<string, Promise<void>>();

  /** The next calls of these endpoints go wrong, in this order. */
  goWrong(...mishaps: Mishap[]): void {
    this.#mishaps.push(...mishaps);
  }

  mishapOf(endpoint: Endpoint): Mishap["as"] | null {
    const at = this.#mishaps.findIndex(({ on }) => on === endpoint);
    return at < 0 ? null : (this.#mishaps.splice(at, 1)[0]?.as ?? null);
  }

  create(job: Pick<Job, "name" | "model" | "requests">): Job {
    const id = String(this.jobs.length + 1).padStart(4, "0");
    const created: Job = { ...job, id, createdAt: new Date().toISOString(), state: "running", outcomes: [] };
    this.jobs.push(created);
    return created;
  }

  /** Newest first, as both services list them. */
  newestFirst(): Job[] {
    return this.jobs.toReversed();
  }

  /** One look at a job, which brings it nearer to its end. */
  async look(job: Job, answer: Answering): Promise<void> {
    const polls = (this.#polls.get(job.id) ?? 0) + 1;
    this.#polls.set(job.id, polls);
    if (job.state === "running" && !this.isHeld && polls > this.pollsUntilEnd) await this.#once(job, answer);
    if (job.state === "cancelling") await this.#once(job, answer);
  }

  /** Two that look at the same time do not have it worked on twice. */
  #once(job: Job, answer: Answering): Promise<void> {
    const working = this.#working.get(job.id) ?? this.#work(job, answer);
    this.#working.set(job.id, working);
    return working;
  }

  async #work(job: Job, answer: Answering): Promise<void> {
    const isCancelled = job.state === "cancelling";
    // By the ends of the ids: neither the order they came in nor its reverse.
    const shuffled = job.requests.toSorted((a, b) => (backwards(a.id) < backwards(b.id) ? -1 : 1));
    for (const [position, request] of shuffled.entries()) {
      const isLate = isCancelled && position >= Math.floor(job.requests.length / 2);
      const outcome: Outcome = isLate ? { kind: "cancelled" } : await this.#outcomeOf(request, job, answer);
      if (outcome.kind === "answer") this.bought.push(JSON.stringify(request.body));
      job.outcomes.push({ request, outcome });
    }
    job.state = "ended";
  }

  async #outcomeOf(request: BatchRequest, job: Job, answer: Answering): Promise<Outcome> {
    const fate = this.fate(request, job);
    if (fate === "expired") return { kind: "expired" };
    if (fate !== "answer") return { kind: "failure", failure: fate };
    return await answer(request, job);
  }
}

export type Answering = (request: BatchRequest, job: Job) => Promise<Outcome>;

/** What the script says to a request of a batch, once the service would take it. */
export async function scriptedOutcome(
  request: RecordedRequest,
  { refuse, reply }: Pick<Surroundings, "reply"> & { refuse: (request: RecordedRequest) => HttpReply | null },
): Promise<Outcome> {
  const refusal = refuse(request);
  if (refusal !== null) return { kind: "refusal", reply: refusal };
  const said = await reply(request);
  if (said.kind === "answer") return { kind: "answer", answer: said };
  if (said.kind === "failure") return { kind: "failure", failure: said };
  throw new Error(`a request of a batch cannot be answered by ${said.kind}`);
}

/** Applies what is to go wrong with a call to what it would have answered. */
export async function withMishap(
  mishap: Mishap["as"] | null,
  failure: (failure: Failure) => HttpReply,
  serve: () => Promise<HttpReply>,
): Promise<HttpReply> {
  if (mishap === null) return await serve();
  if (mishap !== "lost" && mishap !== "cut") return failure(mishap);
  const reply = await serve();
  // Long enough for the status line to be read first: what breaks is the body.
  await sleep(1);
  const text = reply.frames.join("");
  return { ...reply, frames: mishap === "lost" ? [] : [text.slice(0, Math.floor(text.length / 2))], isCut: true };
}

function backwards(text: string): string {
  return text.split("").toReversed().join("");
}
