// Pods from a warm pool of kubernetes-sigs/agent-sandbox: a claim takes one of them, and its removal removes the pod. Only
// the API is relied on; a controller that serves it has to be in the cluster for claims to be answered.
import { HindcastError, limits } from "@hindcast/shared";
import { z } from "zod";
import type { KubernetesApi } from "./kubernetes-api.ts";
import { labelsOf, nameAnnotation, objectName } from "./pod-settings.ts";
import { untilObject } from "./until-object.ts";

export const claimVersion = "extensions.agents.x-k8s.io/v1beta1";
const sandboxVersion = "agents.x-k8s.io/v1beta1";
/** The pod of a Sandbox, where it is not of the Sandbox's own name. */
const podNameAnnotation = "agents.x-k8s.io/pod-name";

const Condition = z.looseObject({
  type: z.string(),
  status: z.string(),
  reason: z.string().default(""),
  message: z.string().default(""),
});

export const SandboxClaim = z.looseObject({
  metadata: z.looseObject({
    name: z.string(),
    annotations: z.record(z.string(), z.string()).default({}),
    deletionTimestamp: z.string().optional(),
  }),
  status: z
    .looseObject({
      conditions: z.array(Condition).default([]),
      sandbox: z.looseObject({ name: z.string().optional() }).default({}),
    })
    .prefault({}),
});
type SandboxClaim = z.infer<typeof SandboxClaim>;

const Sandbox = z.looseObject({
  metadata: z.looseObject({ name: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
});

/** Of a claim that no waiting will help: the controller has read it and says no. */
const hopeless =
  /^(WarmPoolNotFound|TemplateNotFound|InvalidMetadata|.*Rejected|.*Invalid.*|ClaimExpired|SandboxExpired)$/;

export const claimsPath = (namespace: string): string => `/apis/${claimVersion}/namespaces/${namespace}/sandboxclaims`;
export const warmPoolPath = (namespace: string, pool: string): string =>
  `/apis/${claimVersion}/namespaces/${namespace}/sandboxwarmpools/${pool}`;

/**
 * The body of `POST …/sandboxclaims`. Labels stand on the claim alone: a controller lets few domains through to pods. With
 * variables or volumes of its own a claim would start cold, so it has none; a forgotten one ends by itself.
 */
export function claimManifest(name: string, { pool, nowMs }: { pool: string; nowMs: number }): object {
  return {
    apiVersion: claimVersion,
    kind: "SandboxClaim",
    metadata: { name: objectName(name), labels: labelsOf(name), annotations: { [nameAnnotation]: name } },
    spec: {
      warmPoolRef: { name: pool },
      lifecycle: {
        shutdownTime: new Date(nowMs + limits.podSecondsMax * 1_000).toISOString().replace(/\.\d+Z$/, "Z"),
        shutdownPolicy: "Delete",
        ttlSecondsAfterFinished: 60,
      },
      additionalPodMetadata: { annotations: { [nameAnnotation]: name } },
    },
  };
}

/**
 * The pod that a claim was given.
 * @throws SANDBOX_UNAVAILABLE with what the controller says
 */
export async function claimedPod(
  api: KubernetesApi,
  { namespace, claim }: { namespace: string; claim: string },
  signal: AbortSignal,
): Promise<string> {
  let last: SandboxClaim | null = null;
  const sandbox = await untilObject(
    api,
    {
      collection: claimsPath(namespace),
      name: claim,
      schema: SandboxClaim,
      judge: (found) => {
        last = found;
        return found === null ? refuse(claim, "it was deleted") : sandboxOf(found);
      },
      timeoutMs: limits.podStartMs,
      explain: () =>
        `no pod of the warm pool is ready (${conditionsOf(last)}); is the agent-sandbox controller running?`,
    },
    signal,
  );
  const path = `/apis/${sandboxVersion}/namespaces/${namespace}/sandboxes/${sandbox}`;
  const { metadata } = Sandbox.parse(JSON.parse((await api.call("GET", path, { signal })).body));
  return metadata.annotations[podNameAnnotation] || metadata.name;
}

function sandboxOf({ metadata, status }: SandboxClaim): string | undefined {
  if (metadata.deletionTimestamp !== undefined) refuse(metadata.name, "it was deleted");
  const ready = status.conditions.find(({ type }) => type === "Ready");
  const finished = status.conditions.find(({ type, status: is }) => type === "Finished" && is === "True");
  if (finished !== undefined) refuse(metadata.name, `${finished.reason}: ${finished.message}`);
  if (ready?.status === "False" && hopeless.test(ready.reason)) {
    refuse(metadata.name, `${ready.reason}: ${ready.message}`);
  }
  return ready?.status === "True" ? status.sandbox.name : undefined;
}

function conditionsOf(claim: SandboxClaim | null): string {
  const conditions = claim?.status.conditions.map(({ type, reason, message }) => `${type} ${reason}: ${message}`) ?? [];
  return conditions.length === 0 ? "nobody has looked at the claim" : conditions.join("; ");
}

function refuse(claim: string, why: string): never {
  const message = `the SandboxClaim ${claim}: ${why}`;
  throw new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message });
}
