// JSON over HTTP to a world's service: bodies are capped, redirects are not followed (a header with a token would go
// with them), and what went wrong is told apart: a service that is away may come back, one that refuses will not.
import { limits, messageOf } from "@hindcast/shared";
import { worldLost, worldUnavailable } from "./world-faults.ts";

export interface HttpCall {
  world: string;
  url: string;
  method: "GET" | "POST";
  headers: Readonly<Record<string, string>>;
  /** Absent: no body. */
  body?: unknown;
  timeoutMs: number;
  signal: AbortSignal;
}

/** Codes after which the same call may succeed later. */
const passing = (status: number): boolean => status >= 500 || status === 408 || status === 429;

/**
 * @returns the body of a 2xx answer
 * @throws ENVIRONMENT_LOST where it may pass, ENVIRONMENT_UNAVAILABLE where the service refuses, or the signal's reason
 */
export async function callHttp({ world, url, method, headers, body, timeoutMs, signal }: HttpCall): Promise<string> {
  const overdue = AbortSignal.timeout(timeoutMs);
  try {
    const response = await fetch(url, {
      method,
      redirect: "error",
      headers: {
        accept: "application/json",
        ...(body !== undefined && { "content-type": "application/json" }),
        ...headers,
      },
      ...(body !== undefined && { body: JSON.stringify(body) }),
      signal: AbortSignal.any([signal, overdue]),
    });
    const text = await capped(response);
    if (response.ok) return text;
    const what = `${method} ${url} was answered with ${response.status}: ${text.slice(0, 500)}`;
    throw passing(response.status) ? worldLost(world, what) : worldUnavailable(world, what);
  } catch (error) {
    signal.throwIfAborted();
    if (overdue.aborted) throw worldLost(world, `${method} ${url} took longer than ${timeoutMs} ms`, error);
    if (error instanceof TypeError || error instanceof RangeError) {
      throw worldLost(world, `${method} ${url} failed: ${causesOf(error)}`, error);
    }
    throw error;
  }
}

/** Like `callHttp`, for a body that must be JSON. */
export async function callJson(call: HttpCall): Promise<unknown> {
  const text = await callHttp(call);
  try {
    return JSON.parse(text) as unknown;
  } catch (error) {
    const what = `${call.method} ${call.url} was answered with no JSON: ${text.slice(0, 200)}`;
    throw worldLost(call.world, what, error);
  }
}

/** `fetch` for clients of others: an answer to a POST that is longer than a message may be breaks off. */
export async function fetchCapped(url: string | URL, init?: RequestInit): Promise<Response> {
  const response = await fetch(url, init);
  if (init?.method !== "POST" || response.body === null) return response;
  let bytes = 0;
  const counting = new TransformStream<Uint8Array, Uint8Array>({
    transform: (chunk, controller) => {
      bytes += chunk.byteLength;
      if (bytes > limits.worldMessageBytesMax) controller.error(tooLong());
      else controller.enqueue(chunk);
    },
  });
  return new Response(response.body.pipeThrough(counting), response);
}

function tooLong(): RangeError {
  return new RangeError(`the answer has more than ${limits.worldMessageBytesMax} bytes`);
}

async function capped(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  for await (const chunk of response.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > limits.worldMessageBytesMax) throw tooLong();
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString("utf8");
}

/** "fetch failed" says nothing by itself. */
function causesOf(error: Error): string {
  return error.cause === undefined ? error.message : `${error.message}: ${messageOf(error.cause)}`;
}
