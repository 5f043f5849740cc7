// Requests for which their budgets had no room, because others had reserved it. They are in no batch and cost nothing.
import type { HindcastError } from "../../../errors.ts";
import { limits } from "../../../limits.ts";
import { affordable, type BatchPurse } from "./batch-purse.ts";
import type { WaitingRequest } from "./waiting-request.ts";

export interface UnaffordableOptions {
  /** `provider:model`. */
  model: string;
  purse: BatchPurse;
  onRoom: (waiting: WaitingRequest) => void;
  onNever: (waiting: WaitingRequest, error: HindcastError) => void;
}

export class UnaffordableRequests {
  readonly #options: UnaffordableOptions;
  #requests: WaitingRequest[] = [];

  constructor(options: UnaffordableOptions) {
    this.#options = options;
  }

  add(requests: readonly WaitingRequest[]): void {
    this.#requests.push(...requests);
  }

  /** Looks what there is room for now, and what there never will be. @throws when nobody says so within seconds */
  async retry(signal: AbortSignal): Promise<void> {
    const asking = this.#requests.filter(({ left }) => !left.aborted);
    this.#requests = [];
    try {
      const { model, purse, onRoom, onNever } = this.#options;
      const soon = AbortSignal.any([signal, AbortSignal.timeout(limits.requestTimeoutMs)]);
      const { now, later, never } = await affordable({ purse, model, signal: soon }, asking);
      this.add(later);
      for (const waiting of now) onRoom(waiting);
      for (const { waiting, error } of never) onNever(waiting, error);
    } catch (error) {
      this.add(asking);
      throw error;
    }
  }
}
