// Who may talk to whom, worked out of the policies as a network would: both ends have to allow it. What is not in these lists is
// refused. And what every program of ours is given so that a node may go.
// Requirements: 7.1.flows, 7.1.resilience, 7.9.policies
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import {
  kubectlMissing,
  type Manifest,
  overlays,
  render,
  selects,
  type Workload,
  workloadsOf,
} from "../support/manifests.ts";

const Labels = z.record(z.string(), z.string());
const Selector = z.strictObject({ matchLabels: Labels.optional() });
const Peer = z.strictObject({
  podSelector: Selector.optional(),
  namespaceSelector: Selector.optional(),
  ipBlock: z.strictObject({ cidr: z.string(), except: z.array(z.string()).default([]) }).optional(),
});
type Peer = z.infer<typeof Peer>;
const Ports = z.array(z.looseObject({ port: z.union([z.string(), z.int()]) }));
const Policy = z.looseObject({
  metadata: z.looseObject({ namespace: z.string() }),
  spec: z.strictObject({
    podSelector: Selector,
    policyTypes: z.array(z.string()),
    ingress: z.array(z.strictObject({ from: z.array(Peer), ports: Ports })).default([]),
    egress: z.array(z.strictObject({ to: z.array(Peer), ports: Ports })).default([]),
  }),
});
type Policy = z.infer<typeof Policy>;
const namespaceLabel = "kubernetes.io/metadata.name";
/** Of components/agent-sandbox, which the reader replaces by his own. */
const apiServerAddress = "10.96.0.1/32";
/** Where names are looked up, and everywhere else. */
const [dns, web] = ["kube-system", "0.0.0.0/0"];

const programs = ["coordinator", "index-core", "index-replica", "rollout-agent-shell"];
const expected = {
  local: [...programs.map((name) => `${name} -> nats:4222`), "nats -> nats:6222"],
  production: [
    ...[...programs, "backup", "restore"].map((name) => `${name} -> nats:4222`),
    "nats -> nats:6222",
    "nats-exporter -> nats:8222",
    "keda -> nats:8222",
    ...programs.map((name) => `monitoring -> ${name}:9464`),
    "monitoring -> nats-exporter:7777",
  ],
};
const outside = (name: string): string[] => [
  `${name} -> ${dns}:53`,
  ...(isOfModels(name) ? [`${name} -> ${web}:443`] : []),
];
/** They ask providers; nobody else may leave. */
const isOfModels = (name: string): boolean => programs.includes(name);

const missing = kubectlMissing();
describe.skipIf(missing !== null).each(overlays)(
  `in the overlay %s${missing === null ? "" : ` (skipped: ${missing})`}`,
  (overlay) => {
    let manifests: Manifest[];
    let workloads: Workload[];
    let policies: Policy[];

    beforeAll(async () => {
      manifests = await render(overlay);
      workloads = workloadsOf(manifests);
      policies = manifests.filter(({ kind }) => kind === "NetworkPolicy").map((manifest) => Policy.parse(manifest));
    });

    const covering = ({ namespace, labels }: Workload): Policy[] =>
      policies.filter(
        ({ metadata, spec }) => metadata.namespace === namespace && selects(spec.podSelector.matchLabels, labels),
      );
    const portOf = (workload: Workload, port: string | number): number | undefined =>
      workload.pod.containers
        .flatMap(({ ports }) => ports)
        .find(({ name, containerPort }) => port === name || port === containerPort)?.containerPort;
    /** @param home of the policy that names the peer */
    const isPeer = (peer: Peer, home: string, workload: Workload): boolean => {
      if (peer.ipBlock !== undefined) return false;
      const namespace = peer.namespaceSelector?.matchLabels ?? { [namespaceLabel]: home };
      return (
        namespace[namespaceLabel] === workload.namespace && selects(peer.podSelector?.matchLabels, workload.labels)
      );
    };
    const leaving = (from: Workload): { to: Peer; port: string | number; home: string }[] =>
      covering(from).flatMap(({ spec, metadata }) =>
        spec.egress.flatMap(({ to, ports }) =>
          to.flatMap((peer) => ports.map(({ port }) => ({ to: peer, port, home: metadata.namespace }))),
        ),
      );
    const entering = (to: Workload): { from: Peer; port: string | number; home: string }[] =>
      covering(to).flatMap(({ spec, metadata }) =>
        spec.ingress.flatMap(({ from, ports }) =>
          from.flatMap((peer) => ports.map(({ port }) => ({ from: peer, port, home: metadata.namespace }))),
        ),
      );

    it("programs talk to NATS, NATS to itself, and who watches to what it watches", () => {
      const inside = workloads.flatMap((from) =>
        workloads.flatMap((to) =>
          leaving(from)
            .filter((way) => isPeer(way.to, way.home, to))
            .flatMap((way) => {
              const port = portOf(to, way.port);
              const isLetIn = entering(to).some(
                (gate) => portOf(to, gate.port) === port && isPeer(gate.from, gate.home, from),
              );
              return port !== undefined && isLetIn ? [`${from.name} -> ${to.name}:${port}`] : [];
            }),
        ),
      );
      const ours = new Set(workloads.map(({ namespace }) => namespace));
      const fromOutside = workloads.flatMap((to) =>
        entering(to).flatMap(({ from, port }) => {
          const name = from.namespaceSelector?.matchLabels?.[namespaceLabel];
          const number = portOf(to, port);
          return name === undefined || ours.has(name) || number === undefined
            ? []
            : [`${name} -> ${to.name}:${number}`];
        }),
      );
      const wanted = expected[overlay === "local" ? "local" : "production"];
      expect([...new Set([...inside, ...fromOutside])].toSorted()).toEqual(wanted.toSorted());
    });

    it("nobody leaves but to DNS, and to the Web who asks providers of models, not to any private address", () => {
      const ours = new Set(workloads.map(({ namespace }) => namespace));
      for (const workload of workloads) {
        const ways = leaving(workload).flatMap(({ to, port }) => {
          if (to.ipBlock !== undefined) return [`${workload.name} -> ${to.ipBlock.cidr}:${port}`];
          const name = to.namespaceSelector?.matchLabels?.[namespaceLabel];
          return name === undefined || ours.has(name) ? [] : [`${workload.name} -> ${name}:${port}`];
        });
        const apiServer = overlay === "pods" && workload.name === "rollout-agent-shell";
        const more = apiServer ? [443, 6443].map((port) => `${workload.name} -> ${apiServerAddress}:${port}`) : [];
        expect([...new Set(ways)].toSorted()).toEqual([...outside(workload.name), ...more].toSorted());
        for (const { to } of leaving(workload).filter((way) => way.to.ipBlock?.cidr === web)) {
          const except = to.ipBlock?.except ?? [];
          expect(except).toEqual(
            expect.arrayContaining(["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "169.254.0.0/16"]),
          );
        }
      }
    });

    it("every program has three probes, a budget, and is spread over nodes; NATS over zones, too", () => {
      const Spread = z.looseObject({ topologySpreadConstraints: z.array(z.looseObject({ topologyKey: z.string() })) });
      const Probed = z.looseObject({
        startupProbe: z.looseObject({}),
        readinessProbe: z.looseObject({}),
        livenessProbe: z.looseObject({}),
      });
      const budgets = manifests.filter(({ kind }) => kind === "PodDisruptionBudget");
      const BudgetSpec = z.looseObject({ spec: z.looseObject({ selector: Selector, maxUnavailable: z.unknown() }) });
      const kept = workloads.filter(({ kind, name }) => kind !== "CronJob" && name !== "nats-exporter");
      expect(kept.map(({ name }) => name).toSorted()).toEqual([...programs, "nats"].toSorted());
      for (const { name, namespace, labels, pod } of kept) {
        const keys = Spread.parse(pod).topologySpreadConstraints.map(({ topologyKey }) => topologyKey);
        const zone = name === "nats" ? ["topology.kubernetes.io/zone"] : [];
        expect(keys, name).toEqual([...zone, "kubernetes.io/hostname"]);
        for (const container of pod.containers) {
          const { startupProbe, readinessProbe, livenessProbe } = Probed.parse(container);
          expect(livenessProbe, name).not.toEqual(readinessProbe);
          expect(startupProbe, name).not.toEqual(livenessProbe);
        }
        const own = budgets.filter(({ metadata }) => metadata.namespace === namespace);
        const found = own.filter((budget) => selects(BudgetSpec.parse(budget).spec.selector.matchLabels, labels));
        expect(found.length, name).toBe(1);
      }
    });
  },
);
