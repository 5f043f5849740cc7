// Every sandbox that a cluster runs for agents of ours, whoever opened it: for the reaper.
import { limits } from "@hindcast/shared";
import { z } from "zod";
import type { FoundContainer } from "../container/container-driver.ts";
import { clusterAccess } from "./cluster-access.ts";
import { KubernetesApi } from "./kubernetes-api.ts";
import { clusterLabel, nameAnnotation } from "./pod-settings.ts";
import { claimsPath } from "./sandbox-claims.ts";

const Found = z.looseObject({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string(), annotations: z.record(z.string(), z.string()).default({}) }),
    }),
  ),
});

export interface FindOptions {
  kubeconfig: string | null;
  namespace: string;
  warmPool: string | null;
  /** See `clusterOf`. */
  cluster: string;
}

/** Claims where pods are claimed: they are made again where only the pod is removed. */
export async function findPods({ kubeconfig, namespace, warmPool, cluster }: FindOptions): Promise<FoundContainer[]> {
  const api = new KubernetesApi(await clusterAccess(kubeconfig));
  const collection = warmPool === null ? `/api/v1/namespaces/${namespace}/pods` : claimsPath(namespace);
  const selector = encodeURIComponent(`${clusterLabel}=${cluster}`);
  const query = `labelSelector=${selector}&limit=${limits.podsFoundMax}`;
  const { items } = Found.parse(JSON.parse((await api.call("GET", `${collection}?${query}`)).body));
  return items.map(({ metadata }) => ({
    name: metadata.annotations[nameAnnotation] ?? "",
    end: async () => {
      await api.call("DELETE", `${collection}/${metadata.name}?propagationPolicy=Background`, { allowed: [404] });
    },
  }));
}
