import type { HttpCall } from "./http.ts";

export interface OpenEnvOptions {
  url: string;
  headers: Readonly<Record<string, string>>;
  transport: "websocket" | "http";
}

export type Asking = Pick<HttpCall, "timeoutMs" | "signal">;

/** How a session of an OpenEnv service is spoken to: the same words in frames of a WebSocket or in requests. */
export interface OpenEnvWire {
  /** All three throw ENVIRONMENT_LOST, ENVIRONMENT_UNAVAILABLE, or `RefusedRequest`. */
  reset(data: Record<string, unknown>, asking: Asking): Promise<unknown>;
  step(action: Record<string, unknown>, asking: Asking): Promise<unknown>;
  state(asking: Asking): Promise<unknown>;
  close(): Promise<void>;
}

/** The service did not do as asked, and says why; the session goes on. */
export class RefusedRequest extends Error {}
