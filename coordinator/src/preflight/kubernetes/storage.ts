// Volumes: a StorageClass that makes them, claims that are bound, and room on them.
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import { formatBytes } from "../../report/format.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Node } from "./control-plane.ts";
import type { Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const isDefault = "storageclass.kubernetes.io/is-default-class";
/** A volume this full breaks what writes to it soon; NATS's own cap is 90 % of its volume. */
const fullShare = 0.92;

const StorageClass = z.looseObject({
  metadata: z.looseObject({ name: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
});
const Claim = z.looseObject({ status: z.looseObject({ phase: z.string() }) });
const Usage = z.looseObject({
  pods: z.array(
    z.looseObject({
      volume: z
        .array(
          z.looseObject({
            capacityBytes: z.number().optional(),
            usedBytes: z.number().optional(),
            pvcRef: z.looseObject({ name: z.string(), namespace: z.string() }).optional(),
          }),
        )
        .default([]),
    }),
  ),
});

export async function storageFindings(api: ClusterApi, needs: Needs, nodes: readonly Node[]): Promise<Finding[]> {
  if (needs.claims.length === 0) {
    return [{ what: "volumes", state: "good", detail: "the overlay has none: data goes with its pod" }];
  }
  const claims = await claimFindings(api, needs);
  const classes = await classFindings(api, needs);
  const areBound = claims.every(({ state }) => state === "good");
  return [
    ...(areBound ? classes.map(onlyForNewClaims) : classes),
    ...claims,
    ...(await Promise.all(nodes.map(({ metadata }) => fullVolumes(api, needs, metadata.name)))).flat(),
  ];
}

/** Volumes may have been made by hand, or by a class that is gone. */
function onlyForNewClaims(finding: Finding): Finding {
  if (finding.state !== "missing") return finding;
  return { ...finding, state: "advice", detail: `claims made from now on wait: ${finding.detail}` };
}

async function classFindings(api: ClusterApi, { claims }: Needs): Promise<Finding[]> {
  const answer = await api.list("/apis/storage.k8s.io/v1/storageclasses", StorageClass);
  if (answer.kind !== "found") return [unanswered("StorageClass", answer)];
  const names = answer.value.map(({ metadata }) => metadata.name);
  const usual = answer.value.find(({ metadata }) => metadata.annotations[isDefault] === "true")?.metadata.name;
  const wanted = new Set(claims.map(({ storageClass }) => storageClass));
  return [...wanted].map((name): Finding => {
    if (name === null && usual !== undefined)
      return { what: "StorageClass", state: "good", detail: `${usual}, the default` };
    if (name !== null && names.includes(name))
      return { what: `StorageClass ${name}`, state: "good", detail: "it is there" };
    const others = names.length === 0 ? "the cluster has none" : `there are ${names.join(", ")}`;
    if (name === null) {
      const detail = `no default, and the claims name none (${others}): annotate one with ${isDefault}=true, or name one in the claims`;
      return { what: "StorageClass", state: "missing", detail };
    }
    return {
      what: `StorageClass ${name}`,
      state: "missing",
      detail: `not there (${others}): make it, or name another`,
    };
  });
}

async function claimFindings(api: ClusterApi, { claims }: Needs): Promise<Finding[]> {
  const found = await Promise.all(
    claims.map(async ({ name, namespace }): Promise<Finding> => {
      const what = `claim ${namespace}/${name}`;
      const answer = await api.get(`/api/v1/namespaces/${namespace}/persistentvolumeclaims/${name}`, Claim);
      if (answer.kind === "absent") return { what, state: "advice", detail: "not there yet: kubectl apply makes it" };
      if (answer.kind !== "found") return unanswered(what, answer);
      const { phase } = answer.value.status;
      if (phase === "Bound") return { what, state: "good", detail: "bound" };
      if (phase === "Lost") {
        return {
          what,
          state: "missing",
          detail: "its volume is gone: delete the claim, and restore from the backup (deploy/README.md)",
        };
      }
      const detail = `${phase}: its StorageClass has made no volume; kubectl -n ${namespace} describe pvc ${name} says why`;
      return { what, state: "missing", detail };
    }),
  );
  const troubles = found.filter(({ state }) => state !== "good");
  const good: Finding = { what: "claims", state: "good", detail: `all ${found.length} are bound` };
  return troubles.length === 0 ? [good] : troubles;
}

/** What the kubelet measures. It may be asked through the API server by those who may use `nodes/proxy`. */
async function fullVolumes(api: ClusterApi, { claims }: Needs, node: string): Promise<Finding[]> {
  const answer = await api.get(`/api/v1/nodes/${node}/proxy/stats/summary`, Usage);
  if (answer.kind !== "found") {
    const why = answer.kind === "absent" ? "its kubelet does not answer" : answer.why;
    return [{ what: `room on node ${node}`, state: "advice", detail: `not looked at: ${why}` }];
  }
  return answer.value.pods
    .flatMap(({ volume }) => volume)
    .flatMap(({ pvcRef, usedBytes = 0, capacityBytes = 0 }): Finding[] => {
      if (pvcRef === undefined || capacityBytes === 0 || usedBytes < fullShare * capacityBytes) return [];
      if (!claims.some(({ name, namespace }) => name === pvcRef.name && namespace === pvcRef.namespace)) return [];
      const detail = `full, ${formatBytes(usedBytes)} of ${formatBytes(capacityBytes)}: \`hindcast gc\`, shorter retention, or a larger claim (kubectl edit pvc, where its class allows expansion); then delete its pod, which starts again with room`;
      return [{ what: `claim ${pvcRef.namespace}/${pvcRef.name}`, state: "missing", detail }];
    });
}
