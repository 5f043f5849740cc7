import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Node } from "./control-plane.ts";
import type { Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const RuntimeClass = z.looseObject({ handler: z.string() });

/** Whether each RuntimeClass that pods name is there or made by the overlay, and some node has its handler. */
export async function runtimeClassFindings(api: ClusterApi, needs: Needs, nodes: readonly Node[]): Promise<Finding[]> {
  const names = new Set(needs.workloads.flatMap(({ pod }) => pod.runtimeClassName ?? []));
  return await Promise.all([...names].map((name) => finding(api, needs, nodes, name)));
}

async function finding(api: ClusterApi, needs: Needs, nodes: readonly Node[], name: string): Promise<Finding> {
  const what = `RuntimeClass ${name}`;
  const own = needs.manifests.find(({ kind, metadata }) => kind === "RuntimeClass" && metadata.name === name);
  const answer = await api.get(`/apis/node.k8s.io/v1/runtimeclasses/${name}`, RuntimeClass);
  if (answer.kind === "absent" && own === undefined) {
    return {
      what,
      state: "missing",
      detail: "neither the cluster nor the overlay has it: install the runtime, then the class",
    };
  }
  if (answer.kind === "forbidden" || answer.kind === "failed") return unanswered(what, answer);
  const handler = answer.kind === "found" ? answer.value.handler : RuntimeClass.parse(own).handler;
  const told = nodes.filter(({ status }) => status.runtimeHandlers !== null);
  const having = told.filter(({ status }) => status.runtimeHandlers?.some((each) => each.name === handler) === true);
  if (having.length > 0)
    return { what, state: "good", detail: `handler ${handler} on ${having.length} of ${nodes.length} nodes` };
  if (told.length === 0) {
    return { what, state: "advice", detail: `whether a node has the handler ${handler} is not told by their kubelets` };
  }
  const detail = `no node has its handler ${handler}: give containerd there a runtime of this name (runsc for gVisor, kata), or take the component out`;
  return { what, state: "missing", detail };
}

/** Pods that ask for a user namespace of their own, and get an error where the node's runtime has none. */
export function userNamespaceFindings({ workloads }: Needs, nodes: readonly Node[]): Finding[] {
  const asking = workloads.filter(({ pod }) => pod.hostUsers === false).map(({ name }) => name);
  const told = nodes.filter(({ status }) => status.runtimeHandlers !== null);
  if (asking.length === 0 || told.length === 0) return [];
  // The handler without a name is the runtime's own.
  const able = told.filter(({ status }) =>
    status.runtimeHandlers?.some(({ name, features }) => name === "" && features?.userNamespaces === true),
  );
  const what = "user namespaces for pods";
  if (able.length > 0) return [{ what, state: "good", detail: `on ${able.length} of ${nodes.length} nodes` }];
  const detail = `no node's runtime has them, and ${asking.join(", ")} ask for one: Kubernetes ≥ 1.33 with containerd ≥ 2 and Linux ≥ 6.3, or the component gvisor or kata`;
  return [{ what, state: "missing", detail }];
}
