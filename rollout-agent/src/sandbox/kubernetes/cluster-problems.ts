// Whether a cluster can have our sandboxes: asked once, before the first is opened, and by `hindcast doctor`.
import { HindcastError, messageOf } from "@hindcast/shared";
import { z } from "zod";
import { explainRefusal, type RefusalContext } from "./explain-refusal.ts";
import type { KubernetesApi } from "./kubernetes-api.ts";
import { sandboxLabel } from "./pod-settings.ts";
import { warmPoolPath } from "./sandbox-claims.ts";

export interface ClusterTraits {
  /** gVisor: by the program behind the RuntimeClass's name, which anybody may choose. */
  isUserSpaceKernel: boolean;
}

export interface ClusterNeeds extends RefusalContext {
  runtime?: string | null;
}

const RuntimeClass = z.looseObject({ handler: z.string() });
const Policies = z.looseObject({
  items: z.array(
    z.looseObject({
      spec: z.looseObject({
        podSelector: z.looseObject({
          matchLabels: z.record(z.string(), z.string()).default({}),
          matchExpressions: z.array(z.unknown()).default([]),
        }),
        policyTypes: z.array(z.string()).default(["Ingress"]),
        ingress: z.array(z.unknown()).default([]),
        egress: z.array(z.unknown()).default([]),
      }),
    }),
  ),
});
type Policy = z.infer<typeof Policies>["items"][number];

export async function clusterProblems(
  api: KubernetesApi,
  needs: ClusterNeeds,
): Promise<{ problems: string[]; traits: ClusterTraits }> {
  const { namespace, runtime = null, warmPool = null } = needs;
  const problems: string[] = [];
  const ask = async <T>(look: () => Promise<T>): Promise<T | null> => {
    try {
      return await look();
    } catch (error) {
      if (!(error instanceof HindcastError)) throw error;
      problems.push(explainRefusal(messageOf(error), needs));
      return null;
    }
  };
  await ask(() => api.call("GET", `/api/v1/namespaces/${namespace}/pods?limit=1`));
  // What does not answer at all has one problem, not four.
  if (problems.length > 0) return { problems, traits: { isUserSpaceKernel: false } };
  const policies = await ask(() => policiesOf(api, namespace));
  if (policies !== null && !isClosed(policies)) {
    problems.push(
      `No NetworkPolicy of the namespace ${namespace} denies sandboxes everything in both directions, or another allows ` +
        "something: apply deploy/kubernetes/components/agent-sandbox.",
    );
  }
  if (warmPool !== null) {
    const found = await ask(() => api.call("GET", warmPoolPath(namespace, warmPool), { allowed: [404] }));
    if (found?.status === 404) problems.push(missingPool(found.body, warmPool, needs));
  }
  const handler = runtime === null ? null : await ask(() => handlerOf(api, runtime));
  return { problems, traits: { isUserSpaceKernel: /^(runsc|gvisor)/.test(handler ?? "") } };
}

async function policiesOf(api: KubernetesApi, namespace: string): Promise<Policy[]> {
  const { body } = await api.call("GET", `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`);
  return Policies.parse(JSON.parse(body)).items;
}

/** Policies add up: one that denies has to select our pods, and none that selects them may allow anything. */
function isClosed(policies: readonly Policy[]): boolean {
  const selecting = policies.filter(({ spec }) => {
    const { matchLabels, matchExpressions } = spec.podSelector;
    const isOurs = Object.entries(matchLabels).every(([key, value]) => sandboxLabel[key] === value);
    return isOurs && matchExpressions.length === 0;
  });
  const denied = new Set(selecting.flatMap(({ spec }) => spec.policyTypes));
  const allowed = selecting.flatMap(({ spec }) => [...spec.ingress, ...spec.egress]);
  return denied.has("Ingress") && denied.has("Egress") && allowed.length === 0;
}

/** A server without the type answers in plain text. */
function missingPool(body: string, pool: string, needs: ClusterNeeds): string {
  if (!body.startsWith("{")) return explainRefusal("extensions.agents.x-k8s.io: 404 404 page not found", needs);
  return `There is no SandboxWarmPool "${pool}" in the namespace ${needs.namespace}: apply one, or name another.`;
}

async function handlerOf(api: KubernetesApi, runtime: string): Promise<string> {
  const path = `/apis/node.k8s.io/v1/runtimeclasses/${runtime}`;
  return RuntimeClass.parse(JSON.parse((await api.call("GET", path)).body)).handler;
}
