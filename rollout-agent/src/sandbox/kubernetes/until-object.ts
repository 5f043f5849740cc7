// Waits for what becomes of one object of the API server: asks, watches, and asks again when the watch was closed.
import { HindcastError, limits } from "@hindcast/shared";
import { pause } from "@hindcast/shared/node";
import { z } from "zod";
import type { KubernetesApi } from "./kubernetes-api.ts";

const Versioned = z.looseObject({ metadata: z.looseObject({ resourceVersion: z.string().optional() }) });

export interface Waiting<T, R> {
  /** The path of its kind, as `/api/v1/namespaces/<namespace>/pods`. */
  collection: string;
  name: string;
  schema: z.ZodType<T>;
  /** What is waited for; undefined: not yet. It is given null where there is no such object. */
  judge: (object: T | null) => R | undefined;
  timeoutMs: number;
  /** How it stands, for the error. */
  explain: () => string;
}

/** @throws SANDBOX_UNAVAILABLE after `timeoutMs`, or whatever `judge` throws. */
export async function untilObject<T, R>(
  api: KubernetesApi,
  { collection, name, schema, judge, timeoutMs, explain }: Waiting<T, R>,
  signal: AbortSignal,
): Promise<R> {
  const timeout = AbortSignal.timeout(timeoutMs);
  const either = AbortSignal.any([signal, timeout]);
  try {
    for (;;) {
      const { status, body } = await api.call("GET", `${collection}/${name}`, { allowed: [404], signal: either });
      const object: unknown = status === 404 ? null : JSON.parse(body);
      const now = judge(object === null ? null : schema.parse(object));
      if (now !== undefined) return now;
      const version = object === null ? undefined : Versioned.parse(object).metadata.resourceVersion;
      const since = version === undefined ? "" : `&resourceVersion=${version}`;
      const path = `${collection}?watch=true&fieldSelector=metadata.name%3D${name}${since}`;
      for await (const event of api.watch(path, either)) {
        // The version is too old, or the server gives up: asked anew.
        if (event.type === "ERROR") break;
        const verdict = judge(event.type === "DELETED" ? null : schema.parse(event.object));
        if (verdict !== undefined) return verdict;
      }
      await pause(limits.podWatchPauseMs, either);
      either.throwIfAborted();
    }
  } catch (error) {
    signal.throwIfAborted();
    if (!timeout.aborted) throw error;
    const message = `${collection}/${name}: ${explain()} after ${timeoutMs} ms`;
    throw new HindcastError({
      code: "SANDBOX_UNAVAILABLE",
      boundary: "sandbox",
      message,
      retryable: true,
      cause: error,
    });
  }
}
