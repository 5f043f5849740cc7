// What runs already: pods that wait, fail or were evicted, each with its reason in words, and two versions side by side.
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import type { Needs, Workload } from "./needs.ts";
import { isOurs, versionOf } from "./images.ts";
import { unanswered } from "./unanswered.ts";

const Waiting = z.looseObject({ reason: z.string().default("unknown"), message: z.string().default("") });
const Pod = z.looseObject({
  metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
  spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string() })) }),
  status: z.looseObject({
    phase: z.string(),
    reason: z.string().default(""),
    message: z.string().default(""),
    conditions: z
      .array(
        z.looseObject({
          type: z.string(),
          status: z.string(),
          reason: z.string().default(""),
          message: z.string().default(""),
        }),
      )
      .default([]),
    containerStatuses: z
      .array(
        z.looseObject({
          ready: z.boolean(),
          restartCount: z.int().default(0),
          state: z.looseObject({ waiting: Waiting.optional() }).default({}),
          lastState: z
            .looseObject({
              terminated: z.looseObject({ reason: z.string().default(""), exitCode: z.int() }).optional(),
            })
            .default({}),
        }),
      )
      .default([]),
  }),
});
type Pod = z.infer<typeof Pod>;

/** By the reason that the kubelet gives. */
const remedies: Record<string, string> = {
  ErrImagePull: "the image cannot be pulled: is it pushed, and may the node read your registry (imagePullSecrets)?",
  ImagePullBackOff: "the image cannot be pulled: is it pushed, and may the node read your registry (imagePullSecrets)?",
  ErrImageNeverPull: "the image is not on the node: load it there",
  CreateContainerConfigError: "a Secret or ConfigMap that it reads is missing: apply credentials.sh, then the overlay",
  CrashLoopBackOff: "it ends at once: kubectl logs --previous says why (deploy/README.md, When it does not work)",
  RunContainerError: "the node's runtime refuses it: kubectl describe pod",
  OOMKilled: "it needs more memory than its limit: raise resources.limits.memory",
};

export async function podFindings(api: ClusterApi, { workloads }: Needs): Promise<Finding[]> {
  const found: Finding[] = [];
  const running = new Map<string, string[]>();
  for (const [namespace, ours] of Map.groupBy(workloads, (workload) => workload.namespace)) {
    const answer = await api.list(`/api/v1/namespaces/${namespace}/pods`, Pod);
    if (answer.kind !== "found") {
      found.push(unanswered(`pods in ${namespace}`, answer));
      continue;
    }
    for (const workload of ours.filter(({ kind }) => kind !== "CronJob")) {
      const pods = answer.value.filter((pod) => belongs(pod, workload));
      found.push(...workloadFindings(workload, pods));
      const images = pods.flatMap(({ spec }) => spec.containers.map(({ image }) => image)).filter(isOurs);
      running.set(workload.name, [...(running.get(workload.name) ?? []), ...images.map(versionOf)]);
    }
  }
  return [...found, ...versionFindings(running)];
}

function belongs({ metadata }: Pod, { labels }: Workload): boolean {
  return Object.entries(labels).every(([key, value]) => metadata.labels[key] === value);
}

function workloadFindings({ kind, name, namespace }: Workload, pods: readonly Pod[]): Finding[] {
  const what = `${kind} ${namespace}/${name}`;
  const troubled = pods.flatMap((pod) => {
    const trouble = troubleOf(pod);
    return trouble === null ? [] : [{ name: pod.metadata.name, ...trouble }];
  });
  // A hundred agents that lack the same thing are one line.
  const troubles = [...Map.groupBy(troubled, ({ detail }) => detail)].map(([detail, same]): Finding => {
    const [first] = same;
    const who =
      same.length === 1 ? `pod ${first?.name}` : `${same.length} of ${pods.length} pods, ${first?.name} among them`;
    return { what, state: first?.state ?? "missing", detail: `${who}: ${detail}` };
  });
  const ready = pods.filter(({ status }) =>
    status.conditions.some((each) => each.type === "Ready" && each.status === "True"),
  );
  if (pods.length === 0) {
    return [{ what, state: "advice", detail: "no pods: not applied yet, or scaled to none" }];
  }
  if (troubles.length > 0) return troubles;
  if (ready.length === pods.length) return [{ what, state: "good", detail: `${ready.length} pods are ready` }];
  const detail = `${ready.length} of ${pods.length} pods are ready: the others are starting, or cannot reach NATS (kubectl -n ${namespace} logs)`;
  return [{ what, state: "advice", detail }];
}

function troubleOf({ status }: Pod): Pick<Finding, "state" | "detail"> | null {
  if (status.reason === "Evicted") {
    return {
      state: "advice",
      detail: `evicted (${status.message}): its episodes go on elsewhere; give the node room, then delete the pod`,
    };
  }
  // A program that ends in order within its grace leaves no trace of an eviction in its pod's status.
  if (status.phase === "Succeeded" || status.phase === "Failed") {
    const why =
      status.reason === "" ? "" : ` (${[status.reason, status.message].filter((text) => text !== "").join(": ")})`;
    return {
      state: "advice",
      detail: `has ended${why}, and another takes its place: it was evicted, refused by its node, or its node shut down (kubectl get events says which); its work goes on elsewhere; give the node room, then delete the pod`,
    };
  }
  const unscheduled = status.conditions.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
  if (unscheduled !== undefined) {
    return {
      state: "missing",
      detail: `no node takes it: ${unscheduled.message.trim().replace(/\.$/, "")}: add what the message names, or ask for less`,
    };
  }
  for (const { state, lastState, restartCount } of status.containerStatuses) {
    const { waiting } = state;
    const last = lastState.terminated;
    const killed = last?.reason === "OOMKilled" ? "OOMKilled" : null;
    const reason = killed ?? waiting?.reason ?? null;
    if (reason === null || reason === "ContainerCreating" || reason === "PodInitializing") continue;
    if (waiting === undefined && killed === null) continue;
    const message = waiting?.message === undefined || waiting.message === "" ? "" : ` (${waiting.message})`;
    const again = restartCount > 0 ? `, ${restartCount} restarts` : "";
    return {
      state: waiting === undefined ? "advice" : "missing",
      detail: `${reason}${message}${again}: ${remedies[reason] ?? "kubectl describe pod says more"}`,
    };
  }
  return null;
}

function versionFindings(running: ReadonlyMap<string, readonly string[]>): Finding[] {
  const what = "versions";
  const all = new Set([...running.values()].flat());
  if (all.size <= 1)
    return [...all].map((version) => ({ what, state: "good" as const, detail: `all pods run ${version}` }));
  const each = [...running].map(([name, versions]) => `${name} ${[...new Set(versions)].join(" and ")}`);
  const detail = `two at once (${each.join(", ")}): good while it rolls; kubectl rollout status says whether it does, kubectl rollout undo goes back`;
  return [{ what, state: "advice", detail }];
}
