import { noUsage, type HindcastError, type Purpose } from "@hindcast/shared";
import { type Completion, type CompletionRequest, type Model, sha256Hex } from "@hindcast/shared/node";

/** What a scripted model says: a text, an object (sent as JSON), a partial completion, or an error to throw. */
export type Line = string | { json: unknown } | { completion: Partial<Completion> } | { error: HindcastError };

/** A model whose answers a test writes; it remembers what it was asked. */
export class ScriptedModel implements Model {
  readonly provider = "offline";
  readonly isOffline: boolean;
  readonly id: string;
  readonly requests: CompletionRequest[] = [];
  readonly #answer: (request: CompletionRequest) => Line;

  constructor(
    id: string,
    answer: (request: CompletionRequest) => Line,
    { isOffline = true }: { isOffline?: boolean } = {},
  ) {
    this.id = id;
    this.#answer = answer;
    this.isOffline = isOffline;
  }

  asked(purpose: Purpose): number {
    return this.requests.filter((request) => request.purpose === purpose).length;
  }

  async complete(request: CompletionRequest): Promise<Completion> {
    this.requests.push(request);
    const line = this.#answer(request);
    if (typeof line === "object" && "error" in line) throw line.error;
    const text = typeof line === "string" ? line : "json" in line ? JSON.stringify(line.json) : "";
    return {
      text,
      thinking: null,
      stop: "end",
      usage: { ...noUsage, inputTokens: 10, outputTokens: 5 },
      costUsd: 0,
      resolvedModel: this.id,
      requestHash: sha256Hex(JSON.stringify(request)),
      journaled: false,
      durationMs: 1,
      attempts: 1,
      ...(typeof line === "object" && "completion" in line ? line.completion : {}),
    };
  }
}
