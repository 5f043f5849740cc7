import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Needs } from "./needs.ts";
import { unanswered } from "./unanswered.ts";

const label = "pod-security.kubernetes.io/enforce";
/** From lax to strict; pods that a level admits are admitted by all before it. */
const levels = ["privileged", "baseline", "restricted"];

const Namespace = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  status: z.looseObject({ phase: z.string().default("Active") }).default({ phase: "Active" }),
});

/** The namespaces of the overlay: there, not about to go, and with the Pod Security level that their pods need. */
export async function namespaceFindings(api: ClusterApi, { namespaces }: Needs): Promise<Finding[]> {
  return await Promise.all(
    namespaces.map(async ({ name, podSecurity }): Promise<Finding> => {
      const what = `namespace ${name}`;
      const answer = await api.get(`/api/v1/namespaces/${name}`, Namespace);
      if (answer.kind === "absent") return { what, state: "advice", detail: "not there yet: kubectl apply makes it" };
      if (answer.kind !== "found") return unanswered(what, answer);
      const { metadata, status } = answer.value;
      if (status.phase !== "Active") {
        return { what, state: "missing", detail: `it is ${status.phase}: wait until it is gone, then apply` };
      }
      const is = metadata.labels[label];
      const relabel = `kubectl label --overwrite namespace ${name} ${label}=${podSecurity ?? "privileged"}`;
      if (podSecurity === null || is === podSecurity) {
        return { what, state: "good", detail: `Pod Security ${is ?? "not set"}` };
      }
      if (is === undefined) return { what, state: "advice", detail: `no Pod Security level is enforced: ${relabel}` };
      if (levels.indexOf(is) > levels.indexOf(podSecurity)) {
        return {
          what,
          state: "missing",
          detail: `Pod Security ${is} refuses its pods, which need ${podSecurity}: ${relabel}`,
        };
      }
      return { what, state: "advice", detail: `Pod Security is ${is} where ${podSecurity} would do: ${relabel}` };
    }),
  );
}
