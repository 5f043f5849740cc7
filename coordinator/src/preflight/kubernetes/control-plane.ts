// The API server and the nodes: new enough, ready, and not under pressure.
import { z } from "zod";
import type { Finding } from "../../report/finding.ts";
import type { ClusterApi } from "./cluster-api.ts";
import { unanswered } from "./unanswered.ts";

/** User namespaces for pods are on by default from 1.33; everything else of the bases is stable in 1.30. */
const versionMin = [1, 30] as const;

const Version = z.looseObject({ major: z.string(), minor: z.string(), gitVersion: z.string() });
export const Node = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ unschedulable: z.boolean().default(false) }).default({ unschedulable: false }),
  status: z.looseObject({
    conditions: z
      .array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().default("") }))
      .default([]),
    images: z
      .array(z.looseObject({ names: z.array(z.string()).nullable().default([]) }))
      .nullable()
      .default([]),
    runtimeHandlers: z
      .array(
        z.looseObject({
          name: z.string().default(""),
          features: z.looseObject({ userNamespaces: z.boolean().default(false) }).nullish(),
        }),
      )
      .nullable()
      .default(null),
    nodeInfo: z.looseObject({ kubeletVersion: z.string() }),
  }),
});
export type Node = z.infer<typeof Node>;

export async function controlPlaneFindings(api: ClusterApi): Promise<Finding[]> {
  const version = await api.get("/version", Version);
  return [version.kind === "found" ? versionFinding(version.value) : unanswered("Kubernetes", version)];
}

function versionFinding({ major, minor, gitVersion }: z.infer<typeof Version>): Finding {
  const what = "Kubernetes";
  const [majorMin, minorMin] = versionMin;
  // Providers write `30+`.
  const [is, isMinor] = [Number.parseInt(major, 10), Number.parseInt(minor, 10)];
  const isNew = is > majorMin || (is === majorMin && isMinor >= minorMin);
  if (isNew) return { what, state: "good", detail: gitVersion };
  return { what, state: "missing", detail: `${gitVersion} is too old: upgrade the cluster to ${majorMin}.${minorMin}` };
}

export function nodeFindings(nodes: readonly Node[]): Finding[] {
  const troubles = nodes.flatMap(({ metadata, spec, status }): Finding[] => {
    const what = `node ${metadata.name}`;
    const isReady = status.conditions.some(({ type, status: is }) => type === "Ready" && is === "True");
    const pressed = status.conditions.filter(({ type, status: is }) => type.endsWith("Pressure") && is === "True");
    return [
      ...(isReady ? [] : [{ what, state: "advice" as const, detail: "it is not ready: kubectl describe node" }]),
      ...pressed.map(({ type, message }) => ({
        what,
        state: "advice" as const,
        detail: `${type} (${message}): pods are evicted there until it has room; free its disk or memory, or add a node`,
      })),
      ...(spec.unschedulable ? [{ what, state: "advice" as const, detail: "it is cordoned: kubectl uncordon" }] : []),
    ];
  });
  const usable = nodes.length - new Set(troubles.map(({ what }) => what)).size;
  const versions = [...new Set(nodes.map(({ status }) => status.nodeInfo.kubeletVersion))].join(", ");
  if (usable === 0) return [...troubles, { what: "nodes", state: "missing", detail: "none takes pods: see above" }];
  return [
    ...troubles,
    { what: "nodes", state: "good", detail: `${usable} of ${nodes.length} take pods (${versions})` },
  ];
}
