// The overlay `production` on one node: every object asked of the API server as it is, what one machine has no room for, and
// then all of it with smaller requests, volumes of this machine and images that lie there.
import { setTimeout as pause } from "node:timers/promises";
import { z } from "zod";
import { clusterFindings } from "../../../coordinator/src/preflight/kubernetes/cluster-findings.ts";
import { natsFindings } from "../../../coordinator/src/preflight/nats/nats-findings.ts";
import { kubernetesFolder } from "../../support/manifests.ts";
import {
  agentsNamespace,
  applyCredentials,
  applyOverlay,
  busNamespace,
  openInstallation,
  removeInstallation,
  untilReady,
} from "../installation.ts";
import { kubectl } from "../kubectl.ts";
import { volumesOfThisMachine } from "../local-volumes.ts";
import { prometheusKinds } from "../prometheus-kinds.ts";
import type { Section } from "../section.ts";
import { foundOfClaim } from "../told.ts";
import { oneMachine, type Patch, variantFolder } from "../variant.ts";
import { keda } from "./keda.ts";

const overlay = `${kubernetesFolder}overlays/production`;
const schedulingMs = 20_000;
/** Claims of the overlay, and what a volume for each may be named. */
const claims = ["data-nats-0", "data-nats-1", "data-nats-2", "index-index-core-0", "backup"];

const ours = ["coordinator", "index-core", "rollout-agent", "nats", "backup"].map((name) => ({
  name: `registry.example.com/hindcast/${name}`,
  newName: `hindcast/${name}`,
  newTag: "dev",
}));

/** One machine's share, without what is not ours to build. */
const small: Patch[] = [
  {
    target: { kind: "StatefulSet", name: "nats-exporter" },
    operations: [{ op: "replace", path: "/spec/replicas", value: 0 }],
  },
  oneMachine,
];

/** Where no node has gVisor: as the overlay `local` has it. */
const withoutGvisor: Patch[] = [
  {
    target: { kind: "Deployment", name: "rollout-agent-shell" },
    operations: [
      { op: "remove", path: "/spec/template/spec/runtimeClassName" },
      {
        op: "replace",
        path: "/spec/template/spec/containers/0/securityContext",
        value: { privileged: true, readOnlyRootFilesystem: true, seccompProfile: { type: "Unconfined" } },
      },
    ],
  },
];

const Pods = z.looseObject({
  items: z.array(
    z.looseObject({
      metadata: z.looseObject({ name: z.string() }),
      status: z.looseObject({
        conditions: z
          .array(z.looseObject({ type: z.string(), status: z.string(), message: z.string().default("") }))
          .default([]),
      }),
    }),
  ),
});

export const production: Section = {
  title: "The overlay `production`",
  intro:
    "Three servers of NATS with TLS, volumes and accounts, KEDA's and Prometheus's kinds, a budget for each. On one machine the requests of its pods are lowered, its volumes are folders, and its images lie there already. The Prometheus operator is not there: its kinds are, and take anything. Nor is NATS's exporter, whose image no machine here has.",
  missing: async () => {
    const found = await kubectl(["get", "crd", "scaledobjects.keda.sh", "-o", "name"]).catch(() => "");
    return found === "" ? "KEDA's kinds are not in the cluster" : null;
  },
  run: async (rows, settings) => {
    const { documents, hasGvisor } = settings;
    await removeInstallation();
    await applyCredentials();
    await rows.add("without the Prometheus operator: what is told", async () => {
      const refused = await kubectl(["apply", "-k", overlay, "--dry-run=server"]).then(() => "", String);
      const told = (await clusterFindings(overlay)).find(({ what }) => what === "kind PodMonitor");
      if (!refused.includes('"PodMonitor"') || told?.state !== "missing") throw new Error(`it is taken: ${refused}`);
      return `kubectl: no matches for kind "PodMonitor"; preflight: ${told.detail}`;
    });
    await using _kind = await prometheusKinds();
    await rows.add("every object as it is, asked of the API server", async () => {
      const lines = await kubectl(["apply", "-k", overlay, "--dry-run=server"]);
      return `${lines.trim().split("\n").length} objects are accepted`;
    });
    await using volumes = await volumesOfThisMachine(claims);
    const agents = hasGvisor ? [] : withoutGvisor;
    await rows.add("with its own requests, on this node", async () => {
      using variant = variantFolder({ overlay: "production", images: ours, patches: agents });
      await applyOverlay(variant.path);
      await pause(schedulingMs);
      const waiting = await unscheduled();
      const said = new Set(waiting.map(({ why }) => why));
      return waiting.length === 0
        ? "every pod has room"
        : `${waiting.map(({ name }) => name).join(", ")} ${waiting.length === 1 ? "waits" : "wait"}: ${[...said].join("; ")}`;
    });
    using variant = variantFolder({ overlay: "production", images: ours, patches: [...agents, ...small] });
    await rows.add("with one machine's requests, every pod ready", async () => {
      await applyOverlay(variant.path);
      // A StatefulSet goes on to its next pod when one is ready, and the ones that wait never would be.
      await kubectl(["-n", busNamespace, "delete", "pods", "--all", "--grace-period=0", "--force"]);
      return `${await untilReady(false)} pods, volumes bound: ${volumes.names.join(", ")}`;
    });
    await using hindcast = await openInstallation(documents);
    await rows.add("a campaign", () => hindcast.campaign(51));
    await rows.add("preflight on the healthy cluster", async () => {
      const { servers, user, password, caFile } = await hindcast.access("coordinator");
      const found = [
        ...(await clusterFindings(variant.path)),
        ...(await natsFindings({ servers, user, password, caFile, role: null })),
      ];
      // It says so where KEDA's kinds are there and KEDA is not.
      const isKedaAway = (await keda.missing(settings)) !== null;
      const missing = found.filter(
        ({ what, state }) => state === "missing" && !(isKedaAway && what === "external metrics API"),
      );
      if (missing.length > 0) throw new Error(missing.map(({ what, detail }) => `${what}: ${detail}`).join("; "));
      const advice = found.filter(({ state }) => state === "advice");
      const good = found.filter(({ state }) => state === "good").length;
      return `${good} findings are good, none is missing${isKedaAway ? " but KEDA, which is not there" : ""}; advice: ${advice.map(({ what }) => what).join(", ")}`;
    });
    await rows.add("all three servers of NATS killed at once: the volumes keep everything", async () => {
      const before = await hindcast.judge();
      const names = ["nats-0", "nats-1", "nats-2"];
      await kubectl(["-n", busNamespace, "delete", "pod", ...names, "--grace-period=0", "--force"]);
      await untilReady(false);
      await using again = await openInstallation(documents);
      const after = await again.judge();
      if (after !== before) throw new Error(`before: ${before}; after: ${after}`);
      return after;
    });
    await using afterwards = await openInstallation(documents);
    await rows.add("a full volume: what is told, and work goes on when it has room", async () => {
      const learned = afterwards.campaign(52);
      const filled = volumes.fill("data-nats-1");
      try {
        const told = await foundOfClaim(variant.path, "data-nats-1");
        return `${told}; ${await learned}`;
      } finally {
        filled[Symbol.dispose]();
      }
    });
    await rows.add("nothing lost, nothing doubled", () => afterwards.judge());
  },
};

async function unscheduled(): Promise<{ name: string; why: string }[]> {
  const found: { name: string; why: string }[] = [];
  for (const namespace of [busNamespace, agentsNamespace]) {
    const pods = Pods.parse(JSON.parse(await kubectl(["-n", namespace, "get", "pods", "-o", "json"])));
    for (const { metadata, status } of pods.items) {
      const refused = status.conditions.find(({ type, status: is }) => type === "PodScheduled" && is === "False");
      if (refused !== undefined)
        found.push({ name: metadata.name, why: (refused.message.split(". ")[0] ?? "").trim() });
    }
  }
  return found;
}
