import type { BatchTuning } from "./batch-tuning.ts";
import type { WaitingRequest } from "./waiting-request.ts";

/**
 * Gathers requests until they are worth a batch: as many as one takes, or all that came until nothing joined them for
 * `quietMs`, and never longer than `quietMsMax` after the first.
 */
export class RequestGroup {
  readonly #tuning: BatchTuning;
  readonly #onFull: (requests: WaitingRequest[]) => void;
  #requests: WaitingRequest[] = [];
  #bytes = 0;
  #quiet: NodeJS.Timeout | undefined;
  #longest: NodeJS.Timeout | undefined;

  constructor(tuning: BatchTuning, onFull: (requests: WaitingRequest[]) => void) {
    this.#tuning = tuning;
    this.#onFull = onFull;
  }

  add(request: WaitingRequest): void {
    const { requestsMax, bytesMax, quietMs, quietMsMax } = this.#tuning;
    if (this.#requests.length > 0 && this.#bytes + request.bytes > bytesMax) this.#hand();
    this.#requests.push(request);
    this.#bytes += request.bytes;
    if (this.#requests.length >= requestsMax) return this.#hand();
    clearTimeout(this.#quiet);
    this.#quiet = setTimeout(() => this.#hand(), quietMs);
    this.#longest ??= setTimeout(() => this.#hand(), quietMsMax);
  }

  /** Forgets what is gathered. */
  close(): void {
    clearTimeout(this.#quiet);
    clearTimeout(this.#longest);
    this.#longest = undefined;
    this.#requests = [];
    this.#bytes = 0;
  }

  #hand(): void {
    const requests = this.#requests;
    this.close();
    if (requests.length > 0) this.#onFull(requests);
  }
}
