// Whether the API server knows every kind that the overlay has, and the APIs that its controllers need.
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const Resources = z.looseObject({
  resources: z.array(z.looseObject({ name: z.string(), kind: z.string() })),
});

/** Where somebody's kinds come from, by the group. */
const sources: Record<string, string> = {
  "keda.sh": "install KEDA ≥ 2.20, or take components/keda out of the overlay",
  "monitoring.coreos.com": "install the Prometheus operator, or take components/monitoring out of the overlay",
  "agents.x-k8s.io": "install kubernetes-sigs/agent-sandbox, or take components/agent-sandbox out of the overlay",
  "extensions.agents.x-k8s.io":
    "install kubernetes-sigs/agent-sandbox with its extensions, or take components/warm-pool out of the overlay",
};

export interface KnownKind {
  group: string;
  /** As permissions name it: `deployments`. */
  resource: string;
  kind: string;
}

export const groupOf = (apiVersion: string): string =>
  apiVersion.includes("/") ? (apiVersion.split("/")[0] ?? "") : "";

/** @returns findings, and the kinds that are there with the names of their resources */
export async function kindFindings(api: ClusterApi, needs: Needs): Promise<{ found: Finding[]; kinds: KnownKind[] }> {
  const versions = Map.groupBy(needs.manifests, ({ apiVersion }) => apiVersion);
  const kinds: KnownKind[] = [];
  const found: Finding[] = [];
  for (const [apiVersion, manifests] of versions) {
    const wanted = [...new Set(manifests.map(({ kind }) => kind))];
    const group = groupOf(apiVersion);
    const answer = await api.get(`${group === "" ? "/api/" : "/apis/"}${apiVersion}`, Resources);
    if (answer.kind === "forbidden" || answer.kind === "failed") {
      found.push(unanswered(`API ${apiVersion}`, answer));
      continue;
    }
    const there = answer.kind === "found" ? answer.value.resources.filter(({ name }) => !name.includes("/")) : [];
    for (const kind of wanted) {
      const resource = there.find((each) => each.kind === kind)?.name;
      if (resource !== undefined) kinds.push({ group, resource, kind });
      else found.push({ what: `kind ${kind}`, state: "missing", detail: `no ${apiVersion} has it: ${remedy(group)}` });
    }
  }
  const detail = `all ${kinds.length} of the overlay: ${kinds.map(({ kind }) => kind).join(", ")}`;
  if (found.length === 0) found.push({ what: "kinds", state: "good", detail });
  return { found: [...found, ...(await metricsFindings(api, kinds))], kinds };
}

function remedy(group: string): string {
  return sources[group] ?? "the cluster is too old for it, or its CRD is not installed";
}

async function metricsFindings(api: ClusterApi, kinds: readonly KnownKind[]): Promise<Finding[]> {
  const scales = kinds.some(({ kind }) => kind === "ScaledObject");
  const apis = [
    {
      what: "metrics API",
      group: "metrics.k8s.io",
      state: "advice",
      remedy: "kubectl top shows nothing without; install metrics-server",
    },
    ...(scales
      ? [
          {
            what: "external metrics API",
            group: "external.metrics.k8s.io",
            state: "missing",
            remedy:
              "KEDA's metrics adapter does not answer, so agents keep their number: look at its pods in namespace keda",
          } as const,
        ]
      : []),
  ] as const;
  return await Promise.all(
    apis.map(async ({ what, group, state, remedy: act }): Promise<Finding> => {
      const answer = await api.get(`/apis/${group}/v1beta1`, z.looseObject({}));
      if (answer.kind === "found") return { what, state: "good", detail: `${group} answers` };
      const why = answer.kind === "absent" ? "it is not there" : answer.why;
      return { what, state, detail: `${why}: ${act}` };
    }),
  );
}
