import type { WorldReply, WorldRequest } from "@hindcast/shared";

type DistributiveOmit<T, K extends string> = T extends unknown ? Omit<T, K> : never;

/** A request without what the exchange itself adds. */
export type WorldQuestion = DistributiveOmit<WorldRequest, "v" | "id" | "session">;

export interface Asking {
  timeoutMs: number;
  signal: AbortSignal;
}

/** One request, one reply: lines to a process, or POSTs to a service. */
export interface Exchange {
  /** @throws ENVIRONMENT_LOST, ENVIRONMENT_UNAVAILABLE, or the signal's reason; afterwards the session is over */
  ask(question: WorldQuestion, asking: Asking): Promise<WorldReply>;
  close(): Promise<void>;
}
