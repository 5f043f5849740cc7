// What every overlay promises: valid for the API server, no root, no token, bounded, reachable only as policies say, and
// in step with what the code reads, creates and allows.
// Requirements: 7.9.schema, 7.9.policies, 7.9.names, 7.1.drain
import { execFileSync } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { limits, stagePool, streams, taskConsumer } from "@hindcast/shared";
import { accountName, environmentVariables, namesOf, readConfig, tracingVariables } from "@hindcast/shared/node";
import { beforeAll, describe, expect, it, onTestFinished } from "vitest";
import { parseAllDocuments } from "yaml";
import { z } from "zod";
import { streamDefinitions, consumerDefinition } from "../../shared/src/node/bus/topology.ts";
import { defaults } from "../../coordinator/src/config/defaults.ts";
import { testLimits } from "../../rollout-agent/src/environment/swe-bench/swe-bench-environment.ts";
import { podSpec } from "../../rollout-agent/src/sandbox/kubernetes/pod-settings.ts";
import { complaintsOf } from "../support/kubernetes-schemas.ts";
import {
  kubectlMissing,
  kubernetesFolder,
  type Manifest,
  overlays,
  render,
  renderParts,
  selects,
  type Workload,
  workloadsOf,
} from "../support/manifests.ts";
import { quantity } from "../support/quantity.ts";

const Selector = z.looseObject({ matchLabels: z.record(z.string(), z.string()).optional() });
const Policy = z.looseObject({ spec: z.looseObject({ podSelector: Selector, policyTypes: z.array(z.string()) }) });
const ScaledObject = z.looseObject({
  spec: z.looseObject({
    scaleTargetRef: z.looseObject({ name: z.string() }),
    triggers: z.array(z.looseObject({ type: z.string(), metadata: z.record(z.string(), z.string()) })).min(1),
  }),
});
const Sizes = z.object({ cpu: z.string(), memory: z.string() });
const LimitRange = z.looseObject({
  spec: z.object({
    limits: z.array(z.object({ type: z.literal("Container"), default: Sizes, defaultRequest: Sizes, max: Sizes })),
  }),
});
const Resources = z.record(z.string(), z.string());
const Containers = z.looseObject({
  containers: z.array(z.looseObject({ resources: z.looseObject({ requests: Resources, limits: Resources }) })),
});
const Service = z.looseObject({
  spec: z.looseObject({
    selector: z.record(z.string(), z.string()),
    ports: z.array(z.looseObject({ targetPort: z.string() })),
  }),
});
const missing = kubectlMissing();
/** Programs of others: their variables are not ours. */
const foreign = ["nats", "backup", "restore", "nats-exporter"];
/** Both say `nats` as the user `backup`. */
const isSaving = ({ name }: Pick<Workload, "name">): boolean => name === "backup" || name === "restore";
const nameOf = ({ kind, metadata }: Manifest): string => `${kind} ${metadata.namespace ?? ""}/${metadata.name}`;

describe.skipIf(missing !== null).each(overlays)(
  `the overlay %s${missing === null ? "" : ` (skipped: ${missing})`}`,
  (overlay) => {
    let manifests: Manifest[];
    let workloads: Workload[];
    const ofKind = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
    const isAgent = ({ namespace }: Workload): boolean => namespace === "hindcast-agents";

    beforeAll(async () => {
      manifests = await render(overlay);
      workloads = workloadsOf(manifests);
    });

    it("backs up by the inbox that its user may hear, beside the backup that is there", () => {
      for (const { pod, name } of workloads.filter(isSaving)) {
        const said = JSON.stringify(pod.containers[0]);
        expect(said.match(/\bnats --/g)?.length).toBe(said.match(/\bnats --inbox-prefix _INBOX_backup /g)?.length);
        expect(said).not.toContain("NATS_INBOX_PREFIX");
        if (name === "backup") expect(said).toContain("backup account --force /backup/next");
      }
      const restore = manifests.find(({ metadata, kind }) => kind === "CronJob" && metadata.name === "restore");
      if (restore !== undefined) expect(restore["spec"]).toMatchObject({ suspend: true });
    });

    it("is valid for the API server, field by field", () => {
      const checked = manifests.map((manifest) => [nameOf(manifest), complaintsOf(manifest)] as const);
      expect(checked.filter(([, complaints]) => complaints !== null && complaints.length > 0)).toEqual([]);
      const unknown = new Set(manifests.filter((manifest) => complaintsOf(manifest) === null).map(({ kind }) => kind));
      expect([...unknown]).toEqual([]);
      const misspelt = { apiVersion: "v1", kind: "Namespace", metadata: { name: "n", lables: {} } };
      expect(complaintsOf(misspelt)).toHaveLength(1);
    });

    it("runs everything pinned, bounded, without root, without a token and without a secret in it", () => {
      expect(ofKind("Secret")).toEqual([]);
      expect(workloads.length).toBeGreaterThanOrEqual(5);
      for (const workload of workloads) {
        const { pod, name } = workload;
        expect(pod.automountServiceAccountToken, name).toBe(false);
        expect(pod.securityContext.runAsNonRoot, name).toBe(true);
        for (const { image, resources, securityContext } of pod.containers) {
          expect(image, name).toMatch(/(:(?!latest$)[\w.-]+|@sha256:[0-9a-f]{64})$/);
          for (const kind of ["cpu", "memory"]) {
            expect(resources.requests[kind], `${name} requests ${kind}`).toBeDefined();
            expect(resources.limits[kind], `${name} limits ${kind}`).toBeDefined();
          }
          expect(securityContext["readOnlyRootFilesystem"], name).toBe(true);
          const restricted = {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          };
          // The exceptions, word for word: see bases/rollout-agent and the overlay `local`.
          // With sandboxes in pods of their own there is none.
          if (!isAgent(workload) || overlay === "pods") expect(securityContext, name).toEqual(restricted);
          else if (overlay === "production")
            expect(securityContext, name).toEqual({ ...restricted, seccompProfile: { type: "Unconfined" } });
          else
            expect(securityContext, name).toEqual({
              privileged: true,
              readOnlyRootFilesystem: true,
              seccompProfile: { type: "Unconfined" },
            });
        }
      }
    });

    it("has sizes for containers that name none, and none of ours, sandboxes included, is above what its namespace allows", () => {
      const containers = workloads.flatMap(({ namespace, name, pod }) =>
        pod.containers.map(({ resources }) => ({ namespace, name, resources })),
      );
      if (overlay === "pods") {
        const of = { image: "i", mounts: [], volumes: new Map(), runtime: null, isUserSpaceKernel: false };
        for (const size of [defaults.campaign.limits, testLimits]) {
          const spec = podSpec("w", { ...of, limits: size, seccompProfile: null });
          for (const { resources } of Containers.parse(spec).containers)
            containers.push({ namespace: "hindcast-sandboxes", name: "sandbox", resources });
        }
      }
      const limitRanges = ofKind("LimitRange").map((manifest) => ({
        namespace: manifest.metadata.namespace,
        limits: LimitRange.parse(manifest).spec.limits,
      }));
      const named = ofKind("Namespace").map(({ metadata }) => metadata.name);
      expect(limitRanges).toHaveLength(named.length);
      expect(new Set(limitRanges.map(({ namespace }) => namespace))).toEqual(new Set(named));
      for (const { namespace, limits: all } of limitRanges) {
        expect(all).toHaveLength(1);
        for (const { max, default: given, defaultRequest } of all) {
          const inside = containers.filter((each) => each.namespace === namespace);
          expect(inside.length).toBeGreaterThan(0);
          for (const kind of ["cpu", "memory"] as const) {
            const rising = [defaultRequest[kind], given[kind], max[kind]].map(quantity);
            expect(rising, `${namespace} ${kind}`).toEqual(rising.toSorted((a, b) => a - b));
            for (const { name, resources } of inside) {
              const sizes = [resources.requests[kind] ?? "", resources.limits[kind] ?? "", max[kind]].map(quantity);
              expect(sizes, `${name} ${kind}`).toEqual(sizes.toSorted((a, b) => a - b));
            }
          }
        }
      }
    });

    it("denies by default, and a policy of its own covers each pod in both directions", () => {
      const policies = ofKind("NetworkPolicy").map((manifest) => ({
        ...Policy.parse(manifest).spec,
        namespace: manifest.metadata.namespace,
      }));
      for (const { namespace, labels, name } of workloads) {
        const covering = policies.filter(
          (policy) => policy.namespace === namespace && selects(policy.podSelector.matchLabels, labels),
        );
        const all = covering.filter(({ podSelector }) => podSelector.matchLabels === undefined);
        const own = covering.filter(({ podSelector }) => podSelector.matchLabels !== undefined);
        for (const found of [all, own])
          expect(
            found.flatMap(({ policyTypes }) => policyTypes),
            name,
          ).toEqual(expect.arrayContaining(["Ingress", "Egress"]));
      }
    });

    it("has Services, budgets and scalers that select something", () => {
      for (const manifest of ofKind("Service")) {
        const { selector, ports } = Service.parse(manifest).spec;
        const found = workloads.filter(
          ({ namespace, labels }) => namespace === manifest.metadata.namespace && selects(selector, labels),
        );
        const named = found.flatMap(({ pod }) =>
          pod.containers.flatMap((container) => container.ports.map((port) => port.name)),
        );
        for (const { targetPort } of ports) expect(named, nameOf(manifest)).toContain(targetPort);
      }
      for (const manifest of ofKind("PodDisruptionBudget")) {
        const { selector } = z.looseObject({ spec: z.looseObject({ selector: Selector }) }).parse(manifest).spec;
        expect(
          workloads.some(
            ({ namespace, labels }) =>
              namespace === manifest.metadata.namespace && selects(selector.matchLabels, labels),
          ),
          nameOf(manifest),
        ).toBe(true);
      }
      const accounts = ofKind("ServiceAccount").map(({ metadata }) => `${metadata.namespace}/${metadata.name}`);
      for (const { namespace, pod } of workloads) expect(accounts).toContain(`${namespace}/${pod.serviceAccountName}`);
    });

    it("scales by streams and consumers that the code creates", () => {
      const scaled = ofKind("ScaledObject");
      expect(scaled).toHaveLength(overlay === "local" ? 0 : 1);
      const created = streamDefinitions({ pools: ["shell"], replicas: 3, tasksBytesMax: 1 }).map(({ name }) => name);
      for (const manifest of scaled) {
        const { scaleTargetRef, triggers } = ScaledObject.parse(manifest).spec;
        const target = workloads.find(
          ({ name, namespace }) => name === scaleTargetRef.name && namespace === manifest.metadata.namespace,
        );
        const pool = envOf(target, "HINDCAST_POOL") ?? "";
        for (const { metadata } of triggers) {
          expect(created).toContain(metadata["stream"]);
          expect(metadata).toMatchObject({
            account: accountName,
            stream: streams.tasks,
            consumer: consumerDefinition(pool).durable_name,
          });
          expect(metadata["lagThreshold"]).toBe(envOf(target, "HINDCAST_SLOTS"));
        }
      }
    });

    it("sets only variables that the programs read, to values that they take", () => {
      const known = new Map(
        Object.values(environmentVariables).flatMap((entry) =>
          namesOf({ entry }).map((name) => [name, entry] as const),
        ),
      );
      for (const { pod, name } of workloads) {
        if (foreign.includes(name)) continue;
        for (const variable of pod.containers.flatMap(({ env }) => env)) {
          const entry = known.get(variable.name);
          expect(entry, `${name} sets ${variable.name}`).toBeDefined();
          expect(entry?.schema.safeParse(variable.value).success, `${name}: ${variable.name}=${variable.value}`).toBe(
            true,
          );
        }
      }
      const pools = (
        envOf(
          workloads.find(({ name }) => name === "coordinator"),
          "HINDCAST_POOLS",
        ) ?? ""
      ).split(",");
      expect(workloads.filter(isAgent).map((workload) => envOf(workload, "HINDCAST_POOL"))).toEqual(pools);
      expect(pools.map(taskConsumer)).not.toContain(taskConsumer(stagePool));
    });

    it("lets every program drain before it is killed", () => {
      const drainSeconds = (limits.drainMs + limits.abortMs) / 1000;
      for (const { pod, name, kind } of workloads) {
        if (kind !== "CronJob" && name !== "nats-exporter")
          expect(pod.terminationGracePeriodSeconds, name).toBeGreaterThan(drainSeconds);
      }
    });

    it("lets in exactly the users that the programs connect as", () => {
      const accounts = readFileSync(`${kubernetesFolder}bases/nats/accounts.conf`, "utf8");
      const users = [...accounts.matchAll(/user: "(.*)"\n +password: \$(\w+)/g)].map(([, user, variable]) => ({
        user,
        variable,
      }));
      const nats = workloads.find(({ name }) => name === "nats");
      const given = nats?.pod.containers.flatMap(({ env }) => env.map(({ name }) => name)) ?? [];
      expect(new Set(given.filter((name) => name.startsWith("PASSWORD_")))).toEqual(
        new Set(users.map(({ variable }) => variable)),
      );
      const connected = workloads.flatMap((workload) => envOf(workload, "HINDCAST_NATS_USER") ?? []);
      expect(users.map(({ user }) => user)).toEqual(expect.arrayContaining(connected));
    });

    it("sends traces, where that is taken in, by variables that the programs read and to where policies let them", async () => {
      const manifests = await renderParts(`overlays/${overlay}`, ["tracing"]);
      const names = namesOf(tracingVariables);
      const traced = workloadsOf(manifests).filter(({ labels }) => labels["hindcast.dev/bus"] === "client");
      for (const workload of traced.filter((each) => !isSaving(each))) {
        const set = workload.pod.containers.flatMap(({ env }) => env).filter(({ name }) => name.startsWith("OTEL_"));
        expect(names).toEqual(expect.arrayContaining(set.map(({ name }) => name)));
        const config = readConfig(tracingVariables, Object.fromEntries(set.map(({ name, value }) => [name, value])));
        expect(config, workload.name).toMatchObject({ samplerRatio: 0.1 });
        const { hostname, port } = new URL(config.endpoint ?? "");
        const way = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": hostname.split(".")[1] } } };
        expect(manifests).toContainEqual(
          expect.objectContaining({
            kind: "NetworkPolicy",
            metadata: { name: "traces", namespace: workload.namespace },
            spec: expect.objectContaining({ egress: [{ to: [way], ports: [{ port: Number(port) }] }] }) as unknown,
          }),
        );
      }
    });
  },
);

it("credentials, applied again, take no label from a namespace", () => {
  const namespacesOf = (yaml: string): unknown[] =>
    parseAllDocuments(yaml)
      .map((document) => document.toJS() as Manifest | null)
      .filter((manifest) => manifest?.kind === "Namespace");
  const base = namespacesOf(readFileSync(join(kubernetesFolder, "bases/namespaces/namespaces.yaml"), "utf8"));
  const printed = execFileSync(join(kubernetesFolder, "credentials.sh"), { encoding: "utf8" });
  expect(base).toHaveLength(2);
  expect(namespacesOf(printed)).toEqual(base);
});

it("credentials lie in a folder that nobody else may enter, whoever made it", () => {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-secrets-"));
  onTestFinished(() => rmSync(folder, { recursive: true }));
  chmodSync(folder, 0o755);
  execFileSync(join(kubernetesFolder, "credentials.sh"), ["--folder", folder]);
  expect(statSync(folder).mode & 0o777).toBe(0o700);
});

it("a restore leaves no agent paused", () => {
  const guide = readFileSync(join(kubernetesFolder, "../README.md"), "utf8");
  expect(guide.match(/paused-replicas=0/g)).toHaveLength(1);
  expect(guide.match(/paused-replicas-\s/g)).toHaveLength(1);
});

// What an API server refuses, and no schema says. The overlay `local` takes the components, too.
it
  .skipIf(missing !== null)
  .each(
    ["bases/rollout-agent", "overlays/local"].flatMap((resource) =>
      [[], ["gvisor"], ["kata"]].map((components) => ({ resource, components })),
    ),
  )(
  "an agent's /proc is unmasked with user namespaces of the node only, in $resource with $components",
  async ({ resource, components }) => {
    const all = workloadsOf(await renderParts(resource, components));
    const agents = all.filter(({ name }) => name === "rollout-agent-shell");
    expect(agents).toHaveLength(1);
    for (const { pod } of agents) {
      expect(pod["runtimeClassName"]).toBe(components[0]);
      if (components[0] === "gvisor") expect(JSON.stringify(pod)).not.toContain('"privileged":true');
      const isUnmasked = pod.containers.some(({ securityContext }) => securityContext["procMount"] === "Unmasked");
      expect(isUnmasked).toBe(pod["hostUsers"] === false);
    }
  },
);

function envOf(workload: Workload | undefined, name: string): string | undefined {
  return workload?.pod.containers.flatMap(({ env }) => env).find((variable) => variable.name === name)?.value;
}
