// Each thing that a cluster may lack, told by real kubectl's view of an API server that answers as a real one did.
// Requirements: 7.10.preflight-kubernetes, 7.bad.missing-kind, 7.bad.full-volume, 7.bad.evicted, 7.bad.two-versions
import { rmSync } from "node:fs";
import { mkdtemp, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from "vitest";
import { z } from "zod";
import { clusterFindings } from "../../coordinator/src/preflight/kubernetes/cluster-findings.ts";
import { userNamespaceFindings } from "../../coordinator/src/preflight/kubernetes/runtime-classes.ts";
import type { Finding } from "../../coordinator/src/report/finding.ts";
import { anExpiredCertificate } from "../support/certificate.ts";
import { hindcast } from "../support/hindcast.ts";
import { aCluster, type Answers, freshSecrets, recordedAnswers } from "../support/kubernetes-api.ts";
import { kubectlMissing, kubernetesFolder } from "../support/manifests.ts";

const missingTool = kubectlMissing();
const production = `${kubernetesFolder}overlays/production`;
const [bus, agents] = ["/api/v1/namespaces/hindcast", "/api/v1/namespaces/hindcast-agents"];
const resources = (...kinds: string[]) => ({
  resources: kinds.map((kind) => ({ name: `${kind.toLowerCase()}s`, kind })),
});

const Node = z.looseObject({
  status: z.looseObject({ conditions: z.array(z.looseObject({ type: z.string(), status: z.string() })) }),
});
const Pod = z.looseObject({
  metadata: z.looseObject({ name: z.string() }),
  spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string() })) }),
  status: z.looseObject({}),
});
const Secret = z.looseObject({ data: z.record(z.string(), z.string()) });
const listOf = <T extends z.ZodType>(item: T) => z.looseObject({ items: z.array(item) });

let folder: string;
let secrets: Answers;

/** The recorded cluster with all that `production` needs: KEDA, Prometheus's operator, gVisor, volumes and a roomy disk. */
function wellCluster(): Answers {
  const answers = new Map([...recordedAnswers(), ...secrets]);
  const nodes = listOf(Node).parse(answers.get("/api/v1/nodes"));
  for (const { status } of nodes.items) {
    for (const condition of status.conditions) if (condition.type === "DiskPressure") condition.status = "False";
    status["runtimeHandlers"] = [{ name: "" }, { name: "runsc" }];
  }
  answers.set("/api/v1/nodes", nodes);
  answers.set("/apis/keda.sh/v1alpha1", resources("ScaledObject"));
  answers.set("/apis/monitoring.coreos.com/v1", resources("PodMonitor", "PrometheusRule"));
  for (const group of ["metrics.k8s.io", "external.metrics.k8s.io"]) answers.set(`/apis/${group}/v1beta1`, resources());
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  answers.set("/apis/storage.k8s.io/v1/storageclasses", { items: [{ metadata: { name: "ssd", annotations } }] });
  for (const name of ["data-nats-0", "data-nats-1", "data-nats-2", "index-index-core-0", "backup"]) {
    answers.set(`${bus}/persistentvolumeclaims/${name}`, { status: { phase: "Bound" } });
  }
  answers.set("/api/v1/nodes/node/proxy/stats/summary", { pods: [] });
  const pods = listOf(Pod).parse(answers.get(`${bus}/pods`));
  const exporter = ["nats-exporter-0", "nats-exporter-1", "nats-exporter-2"].map((name) => ({
    metadata: { name, labels: { "app.kubernetes.io/name": "nats-exporter" } },
    spec: { containers: [{ image: "natsio/prometheus-nats-exporter:0.20.1" }] },
    status: {},
  }));
  answers.set(`${bus}/pods`, { ...pods, items: [...pods.items, ...exporter] });
  for (const namespace of [bus, agents]) {
    answers.set(`${namespace}/secrets/model-keys`, { data: {} });
    changePods(answers, namespace, (pod) => {
      pod.status = { phase: "Running", conditions: [{ type: "Ready", status: "True" }] };
    });
  }
  return answers;
}

function changePods(answers: Answers, namespace: string, change: (pod: z.infer<typeof Pod>) => void): void {
  const pods = listOf(Pod).parse(answers.get(`${namespace}/pods`));
  for (const pod of pods.items) change(pod);
  answers.set(`${namespace}/pods`, pods);
}

function changeSecret(answers: Answers, name: string, change: (data: Record<string, string>) => void): void {
  const secret = Secret.parse(structuredClone(answers.get(`${bus}/secrets/${name}`)));
  change(secret.data);
  answers.set(`${bus}/secrets/${name}`, secret);
}

type MayDo = Parameters<typeof aCluster>[2];
async function findingsOf(answers: Answers, mayDo?: MayDo): Promise<Finding[]> {
  await using cluster = await aCluster(folder, answers, mayDo);
  vi.stubEnv("KUBECONFIG", cluster.kubeconfig);
  return await clusterFindings(production);
}

const finding = (what: string | RegExp, state: Finding["state"], detail: RegExp): Finding =>
  expect.objectContaining({
    what: expect.stringMatching(what) as string,
    state,
    detail: expect.stringMatching(detail) as string,
  }) as Finding;

describe.skipIf(missingTool !== null)(`a cluster${missingTool === null ? "" : ` (skipped: ${missingTool})`}`, () => {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hindcast-preflight-test-"));
    secrets = freshSecrets();
  });
  afterEach(() => void vi.unstubAllEnvs());
  afterAll(() => rmSync(folder, { recursive: true }));

  it("that has everything is well", async () => {
    const findings = await findingsOf(wellCluster());
    expect(findings.filter(({ state }) => state !== "good")).toEqual([]);
    expect(findings.map(({ what }) => what)).toEqual(
      expect.arrayContaining(["nodes", "kinds", "Secrets", "claims", "RuntimeClass gvisor", "versions"]),
    );
  });

  it("whose volumes were made by hand lacks no StorageClass, until there are more claims", async () => {
    const answers = wellCluster();
    answers.set("/apis/storage.k8s.io/v1/storageclasses", { items: [] });
    expect(await findingsOf(answers)).toContainEqual(
      finding("StorageClass", "advice", /claims made from now on wait: no default.*is-default-class=true/),
    );
    answers.set(`${bus}/persistentvolumeclaims/data-nats-0`, { status: { phase: "Pending" } });
    expect(await findingsOf(answers)).toContainEqual(finding("StorageClass", "missing", /^no default/));
  });

  it("as it was recorded, without KEDA, volumes and Secrets and on a full disk, is told all of it", async () => {
    const findings = await findingsOf(recordedAnswers());
    for (const expected of [
      finding("node node", "advice", /DiskPressure.*evicted/),
      finding("nodes", "missing", /none takes pods/),
      finding("kind ScaledObject", "missing", /install KEDA ≥ 2\.20, or take components\/keda out/),
      finding("kind PodMonitor", "missing", /Prometheus operator/),
      finding("kind PrometheusRule", "missing", /install the Prometheus operator, or take components\/monitoring out/),
      finding("metrics API", "advice", /metrics-server/),
      finding("StorageClass", "missing", /no default.*is-default-class=true/),
      finding("claim hindcast/data-nats-2", "advice", /not there yet/),
      finding("Secret hindcast/nats-tls", "missing", /nats cannot start without: .*credentials\.sh/),
      finding("Secret hindcast-agents/model-keys", "advice", /rules instead of models/),
      finding("RuntimeClass gvisor", "advice", /not told by their kubelets/),
      finding("Deployment hindcast/coordinator", "advice", /coordinator-evicted: evicted.*DiskPressure/),
      finding("StatefulSet hindcast/nats", "missing", /2 of 2 pods.*no node takes it: 0\/1 nodes/),
    ]) {
      expect(findings).toContainEqual(expected);
    }
  });

  it("with one thing wrong in each place is told what, and how to mend it", async () => {
    const answers = wellCluster();
    answers.set("/version", { major: "1", minor: "28+", gitVersion: "v1.28.3" });
    answers.set(agents, {
      metadata: { name: "hindcast-agents", labels: { "pod-security.kubernetes.io/enforce": "restricted" } },
    });
    const { cert } = await anExpiredCertificate("nats.hindcast.svc.cluster.local");
    const encoded = Buffer.from(cert).toString("base64");
    changeSecret(answers, "nats-tls", (data) => void Object.assign(data, { "tls.crt": encoded, "ca.crt": encoded }));
    changeSecret(answers, "bus-coordinator", (data) => void (data["password"] = "d3Jvbmc="));
    changeSecret(answers, "nats-passwords", (data) => void Reflect.deleteProperty(data, "backup"));
    answers.set(`${bus}/secrets/bus-backup`, { status: 403, message: 'User "ann" cannot get resource "secrets"' });
    answers.set(`${bus}/persistentvolumeclaims/data-nats-0`, { status: { phase: "Pending" } });
    const pvcRef = { name: "data-nats-1", namespace: "hindcast" };
    const volume = [{ pvcRef, capacityBytes: 50 * 1024 ** 3, usedBytes: 49 * 1024 ** 3 }];
    answers.set("/api/v1/nodes/node/proxy/stats/summary", { pods: [{ volume }] });
    answers.set("/apis/node.k8s.io/v1/runtimeclasses/gvisor", { handler: "gvisor-2" });
    const waiting = (reason: string) => ({
      phase: "Pending",
      containerStatuses: [
        { ready: false, restartCount: 0, state: { waiting: { reason, message: "says the kubelet" } } },
      ],
    });
    changePods(answers, bus, (pod) => {
      if (pod.metadata.name.startsWith("nats")) pod.status = waiting("CreateContainerConfigError");
      if (pod.metadata.name === "index-core-0") pod.status = waiting("ImagePullBackOff");
      if (pod.metadata.name === "coordinator-evicted") {
        // Ended in order within its grace, it is no longer told to have been evicted.
        pod.status = { phase: "Succeeded", containerStatuses: [] };
        for (const container of pod.spec.containers) container.image = "hindcast/coordinator:0.2.0";
      }
    });
    const scaled = "/apis/keda.sh/v1alpha1/namespaces/hindcast-agents/scaledobjects/rollout-agent-shell";
    answers.set(scaled, { status: { conditions: [{ type: "Ready", status: "False" }] } });
    const findings = await findingsOf(answers, ({ resource, verb }) => resource !== "scaledobjects" || verb === "get");
    for (const expected of [
      finding("Kubernetes", "missing", /v1\.28\.3 is too old/),
      finding("permission to apply in hindcast-agents", "missing", /may not create\/patch scaledobjects\.keda\.sh/),
      finding("namespace hindcast-agents", "missing", /restricted refuses its pods.*kubectl label/),
      finding("certificate in nats-tls", "missing", /expired on/),
      finding("Deployment hindcast/coordinator", "advice", /coordinator-evicted: has ended.*kubectl get events/),
      finding("Secret bus-coordinator", "missing", /not the one of coordinator in nats-passwords.*one run/),
      finding("Secret bus-coordinator", "missing", /ca\.crt is not the one/),
      finding("Secret hindcast/nats-passwords", "missing", /has no backup, which nats reads/),
      finding("Secret hindcast/bus-backup", "advice", /this user may not: User "ann"/),
      finding("claim hindcast/data-nats-0", "missing", /Pending.*describe pvc/),
      finding("claim hindcast/data-nats-1", "missing", /full, 49\.0 GiB of 50\.0 GiB/),
      finding("RuntimeClass gvisor", "missing", /no node has its handler gvisor-2/),
      finding("ScaledObject hindcast-agents/rollout-agent-shell", "missing", /cannot read the queue.*describe scaled/),
      finding(
        "StatefulSet hindcast/nats",
        "missing",
        /CreateContainerConfigError \(says the kubelet\).*Secret or ConfigMap/,
      ),
      finding("StatefulSet hindcast/index-core", "missing", /ImagePullBackOff.*is it pushed/),
      finding("versions", "advice", /two at once \(.*coordinator dev and 0\.2\.0/),
    ]) {
      expect(findings).toContainEqual(expected);
    }
  });

  it("is asked for user namespaces where an overlay's pods want them", () => {
    const pod = { hostUsers: false, containers: [], volumes: [] };
    const workload = { name: "Deployment agents", pod };
    const needs = { workloads: [workload] } as unknown as Parameters<typeof userNamespaceFindings>[0];
    const node = (userNamespaces: boolean | null) =>
      ({
        status: { runtimeHandlers: userNamespaces === null ? null : [{ name: "", features: { userNamespaces } }] },
      }) as unknown as Parameters<typeof userNamespaceFindings>[1][number];
    expect(userNamespaceFindings(needs, [node(true), node(false)])).toEqual([
      finding("user namespaces", "good", /on 1 of 2 nodes/),
    ]);
    expect(userNamespaceFindings(needs, [node(false)])).toEqual([
      finding("user namespaces", "missing", /Deployment agents ask.*gvisor or kata/),
    ]);
    expect(userNamespaceFindings(needs, [node(null)])).toEqual([]);
  });

  it("that refuses who asks, or is not there, is one line; the command prints it as JSON", async () => {
    const refusing = await findingsOf(new Map([["/version", { status: 401, message: "Unauthorized" }]]));
    expect(refusing).toEqual([finding("Kubernetes", "missing", /credentials in KUBECONFIG are refused or expired/)]);
    const kubeconfig = join(folder, "nobody");
    await writeFile(kubeconfig, JSON.stringify({ apiVersion: "v1", kind: "Config" }));
    const { code, stdout } = await hindcast(["--json", "preflight"], { cwd: folder, env: { KUBECONFIG: kubeconfig } });
    expect(code).toBe(1);
    expect(JSON.parse(stdout)).toMatchObject({
      event: "preflight",
      isWell: false,
      findings: [
        finding("Kubernetes", "missing", /no cluster answers.*KUBECONFIG/),
        finding("NATS", "advice", /HINDCAST_NATS_URL/),
      ],
    });
  });
});
