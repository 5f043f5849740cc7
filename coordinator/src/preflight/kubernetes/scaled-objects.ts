import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Manifest, Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const Scaled = z.looseObject({
  status: z
    .looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })).default([]) })
    .default({ conditions: [] }),
});

/** Whether KEDA reads the queues that the overlay's ScaledObjects name. One that is not applied yet says nothing. */
export async function scaledObjectFindings(api: ClusterApi, { manifests }: Needs): Promise<Finding[]> {
  const wanted = manifests.filter(({ kind }) => kind === "ScaledObject");
  return (await Promise.all(wanted.map((manifest) => finding(api, manifest)))).flat();
}

async function finding(api: ClusterApi, { metadata: { name, namespace = "" } }: Manifest): Promise<Finding[]> {
  const what = `ScaledObject ${namespace}/${name}`;
  const answer = await api.get(`/apis/keda.sh/v1alpha1/namespaces/${namespace}/scaledobjects/${name}`, Scaled);
  if (answer.kind === "absent") return [];
  if (answer.kind !== "found") return [unanswered(what, answer)];
  const has = (type: string, is: string): boolean =>
    answer.value.status.conditions.some((each) => each.type === type && each.status === is);
  if (!has("Ready", "False") && !has("Fallback", "True"))
    return [{ what, state: "good", detail: "KEDA reads the queue" }];
  const detail = `KEDA cannot read the queue: kubectl -n ${namespace} describe scaledobject ${name} says why; is KEDA in the namespace keda (NetworkPolicy nats-from-keda), and NATS up?`;
  return [{ what, state: "missing", detail }];
}
