// The component `monitoring`: everything is scraped as alerts and dashboards know it, each server of NATS has its exporter,
// and what the generator writes is what the cluster is given, with no second copy.
// Requirements: 7.6.kubernetes, 7.9.policies
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { z } from "zod";
import { dashboards } from "../../deploy/monitoring/src/dashboards/index.ts";
import { natsExporterFlags } from "../../deploy/monitoring/src/nats-exporter.ts";
import { composeFile } from "../support/compose.ts";
import { kubectlMissing, type Manifest, render, selects, type Workload, workloadsOf } from "../support/manifests.ts";

const folder = new URL("../../deploy/monitoring/", import.meta.url);
/** Of a ConfigMap, and of all annotations of an object, in one of which `kubectl apply` keeps the object. */
const [configMapBytesMax, annotationBytesMax] = [2 ** 20, 256 * 1024];

const Monitor = z.looseObject({
  spec: z.looseObject({
    selector: z.object({ matchLabels: z.record(z.string(), z.string()) }),
    podMetricsEndpoints: z.array(
      z.looseObject({
        port: z.string(),
        relabelings: z.array(z.looseObject({ targetLabel: z.string().optional(), replacement: z.string().optional() })),
      }),
    ),
  }),
});
const Replicated = z.looseObject({ spec: z.looseObject({ replicas: z.int() }) });
const Policy = z.looseObject({
  spec: z.looseObject({
    podSelector: z.looseObject({ matchLabels: z.record(z.string(), z.string()).optional() }),
    ingress: z.array(z.looseObject({ from: z.array(z.unknown()), ports: z.array(z.unknown()) })).default([]),
    egress: z.array(z.looseObject({ to: z.array(z.unknown()), ports: z.array(z.unknown()) })).default([]),
  }),
});

const missing = kubectlMissing();
describe.skipIf(missing !== null).each(["production", "pods"])(
  `monitoring in the overlay %s${missing === null ? "" : ` (skipped: ${missing})`}`,
  (overlay) => {
    let manifests: Manifest[];
    let workloads: Workload[];
    const ofKind = (kind: string): Manifest[] => manifests.filter((manifest) => manifest.kind === kind);
    const workload = (called: string): Workload => {
      const found = workloads.find(({ name }) => name === called);
      if (found === undefined) throw new Error(`there is no workload ${called}`);
      return found;
    };
    const replicasOf = (called: string): number =>
      Replicated.parse(ofKind("StatefulSet").find(({ metadata }) => metadata.name === called)).spec.replicas;

    beforeAll(async () => {
      manifests = await render(overlay);
      workloads = workloadsOf(manifests);
    });

    it("scrapes every program and every exporter, each as the job that alerts and dashboards know", () => {
      const jobs = new Map<string, string>();
      for (const manifest of ofKind("PodMonitor")) {
        const { selector, podMetricsEndpoints } = Monitor.parse(manifest).spec;
        const found = workloads.filter(
          ({ namespace, labels }) => namespace === manifest.metadata.namespace && selects(selector.matchLabels, labels),
        );
        for (const { port, relabelings } of podMetricsEndpoints) {
          const job = relabelings.find(({ targetLabel }) => targetLabel === "job")?.replacement ?? "";
          const listening = found.filter(({ pod }) =>
            pod.containers.some(({ ports }) => ports.some(({ name }) => name === port)),
          );
          for (const { name } of listening) jobs.set(name, job);
        }
      }
      const programs = ["coordinator", "index-core", "index-replica", "rollout-agent-shell"];
      expect(Object.fromEntries(jobs)).toEqual({
        ...Object.fromEntries(programs.map((name) => [name, "hindcast"])),
        "nats-exporter": "nats",
      });
    });

    it("has an exporter for each server of NATS, which it asks by name for all that is looked at", () => {
      expect(replicasOf("nats-exporter")).toBe(replicasOf("nats"));
      const [exporter] = workload("nats-exporter").pod.containers;
      const args = z.array(z.string()).parse(exporter?.["args"]);
      expect(args.slice(0, natsExporterFlags.length)).toEqual(natsExporterFlags);
      const [, host = "", port = ""] = /^nats-\$\(ORDINAL\),http:\/\/(\S+):(\d+)$/.exec(args.at(-1) ?? "") ?? [];
      const [pod, service, namespace, ...rest] = host.split(".");
      expect([pod, rest.join(".")]).toEqual(["nats-$(ORDINAL)", "svc.cluster.local"]);
      expect(ofKind("Service")).toContainEqual(
        expect.objectContaining({
          metadata: expect.objectContaining({ name: service, namespace }) as unknown,
          spec: expect.objectContaining({
            // A server that is not ready is the one to look at.
            publishNotReadyAddresses: true,
            ports: expect.arrayContaining([expect.objectContaining({ port: Number(port) })]) as unknown,
          }) as unknown,
        }),
      );
      // The release whose flags and metrics are known.
      expect(exporter?.image).toBe(composeFile().services["nats-exporter"]?.image);
    });

    it("lets Prometheus ask the exporters, and the exporters the servers: all three ways, and no other to port 8222", () => {
      const policies = ofKind("NetworkPolicy").filter(({ metadata }) => metadata.namespace === "hindcast");
      const of = ({ labels }: Workload) =>
        policies
          .map((manifest) => ({ name: manifest.metadata.name, ...Policy.parse(manifest).spec }))
          .filter(({ podSelector: { matchLabels } }) => matchLabels !== undefined && selects(matchLabels, labels));
      const [nats, exporter] = [of(workload("nats")), of(workload("nats-exporter"))];
      const pods = (name: string) => ({ podSelector: { matchLabels: { "app.kubernetes.io/name": name } } });
      const monitoring = { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "monitoring" } } };
      expect(exporter.flatMap(({ ingress }) => ingress)).toEqual([
        { from: [monitoring], ports: [{ port: "metrics" }] },
      ]);
      expect(exporter.flatMap(({ egress }) => egress)).toEqual([{ to: [pods("nats")], ports: [{ port: 8222 }] }]);
      const asked = nats
        .flatMap(({ ingress }) => ingress)
        .filter(({ ports }) => JSON.stringify(ports).includes("monitor"));
      expect(asked.flatMap(({ from }) => from)).toEqual(
        expect.arrayContaining([
          pods("nats-exporter"),
          { namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "keda" } } },
        ]),
      );
      expect(asked).toHaveLength(2);
    });

    it("shows each dashboard by a ConfigMap that Grafana's sidecar finds, and alerts by the committed rules", () => {
      const Shown = z.looseObject({
        metadata: z.looseObject({ name: z.string(), labels: z.record(z.string(), z.string()).default({}) }),
        data: z.record(z.string(), z.string()),
      });
      const shown = ofKind("ConfigMap")
        .map((manifest) => Shown.parse(manifest))
        .filter(({ metadata }) => metadata.labels["grafana_dashboard"] === "1");
      const files = shown.flatMap(({ data }) => Object.entries(data));
      const written = dashboards.map(({ uid }) => `${uid}.json`);
      expect(files.map(([name]) => name).toSorted()).toEqual(written.toSorted());
      for (const [name, text] of files) {
        expect(JSON.parse(text)).toEqual(JSON.parse(readFileSync(new URL(`dashboards/${name}`, folder), "utf8")));
      }
      const [rules] = ofKind("PrometheusRule");
      const committed = parse(readFileSync(new URL("alerts/prometheus-rule.yaml", folder), "utf8")) as Manifest;
      expect(rules?.["spec"]).toEqual(committed["spec"]);
    });

    it("has no object that is too large for the API server or for `kubectl apply`", () => {
      for (const manifest of manifests) {
        const bytes = Buffer.byteLength(JSON.stringify(manifest));
        expect(bytes, `${manifest.kind} ${manifest.metadata.name}`).toBeLessThan(
          Math.min(configMapBytesMax, annotationBytesMax),
        );
      }
    });
  },
);
