// What pods of sandboxes look like, and that the manifests beside them say the same: agent-sandbox's types as of its release,
// the warm pool's pods as an agent would make them, the nodes' filter, and rights for exactly what is asked.
// Requirements: 7.2.pods, 7.2.claims, 7.9.schema
import { readFileSync } from "node:fs";
import { beforeAll, describe, expect, it } from "vitest";
import { z } from "zod";
import { defaults } from "../../coordinator/src/config/defaults.ts";
import { podManifest, podSpec, sandboxLabel } from "../../rollout-agent/src/sandbox/kubernetes/pod-settings.ts";
import { claimManifest } from "../../rollout-agent/src/sandbox/kubernetes/sandbox-claims.ts";
import { seccompProfile } from "../../rollout-agent/src/sandbox/kubernetes/seccomp-profile.ts";
import { agentSandbox, complaintsOf } from "../support/kubernetes-schemas.ts";
import { kubectlMissing, kubernetesFolder, type Manifest, render, workloadsOf } from "../support/manifests.ts";

const ofPod = {
  image: "registry/sandbox:1",
  limits: { memoryBytesMax: 2 ** 29, diskBytesMax: 2 ** 28, processesMax: 128 },
  mounts: [{ source: "/cache/a", target: "/opt/a" }],
  volumes: new Map([["/cache", "claim"]]),
  runtime: "kata",
  isUserSpaceKernel: false,
  seccompProfile: "hindcast/sandbox.json",
};
const name = "w-1/c-0001/episode.ep-1/1@cluster-1";
const typed = (manifest: object): Manifest => manifest as Manifest;

describe("a sandbox's pod", () => {
  it("is valid for the API server, and restricted", () => {
    const pod = typed(podManifest(name, ofPod));
    expect(complaintsOf(pod)).toEqual([]);
    expect(complaintsOf(typed({ ...pod, spec: { ...(pod["spec"] as object), hostNet: true } }))).toHaveLength(1);
    expect(pod["spec"]).toMatchObject({
      runtimeClassName: "kata",
      automountServiceAccountToken: false,
      securityContext: { runAsNonRoot: true, seccompProfile: { type: "Localhost" } },
      containers: [
        {
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ["ALL"] },
          },
          resources: { limits: { memory: String(2 ** 29 + 2 ** 28 + 96 * 2 ** 20) } },
        },
      ],
    });
    expect(JSON.stringify(pod)).not.toMatch(/hostPath|hostNetwork|hostPID|privileged|"add"/);
  });

  it("is another user of the node than its neighbours, unless the kernel is gVisor's", () => {
    const UserOf = z.looseObject({ securityContext: z.looseObject({ runAsUser: z.int().max(2 ** 31 - 1) }) });
    const userOf = (of: string, isUserSpaceKernel = false): number =>
      UserOf.parse(podSpec(of, { ...ofPod, isUserSpaceKernel })).securityContext.runAsUser;
    expect(new Set([userOf("a"), userOf("b"), userOf("c")]).size).toBe(3);
    expect(userOf("a", true)).toBe(0);
  });
});

describe("agent-sandbox", () => {
  it("is taken by the types of v1beta1, as of v0.5.6", () => {
    expect(agentSandbox.version).toBe("v0.5.6");
    const claim = typed(claimManifest(name, { pool: "hindcast", nowMs: Date.UTC(2026, 0, 1) }));
    expect(claim).toMatchObject({
      apiVersion: "extensions.agents.x-k8s.io/v1beta1",
      kind: "SandboxClaim",
      spec: {
        warmPoolRef: { name: "hindcast" },
        lifecycle: { shutdownTime: "2026-01-02T00:00:00Z", shutdownPolicy: "Delete" },
      },
    });
    expect(complaintsOf(claim)).toEqual([]);
    expect(complaintsOf(typed({ ...claim, spec: { warmPool: "x" } }))).toHaveLength(2);
  });
});

describe("the nodes' system call filter", () => {
  it("is the one that containers are given", () => {
    const committed = readFileSync(`${kubernetesFolder}components/agent-sandbox/seccomp.json`, "utf8");
    expect(JSON.parse(committed)).toEqual(JSON.parse(seccompProfile()));
  });
});

const missing = kubectlMissing();
describe.skipIf(missing !== null)(`the overlay pods${missing === null ? "" : ` (skipped: ${missing})`}`, () => {
  let manifests: Manifest[];
  const one = (kind: string, called: string): Manifest => {
    const found = manifests.find((each) => each.kind === kind && each.metadata.name === called);
    if (found === undefined) throw new Error(`there is no ${kind} ${called}`);
    return found;
  };
  beforeAll(async () => {
    manifests = await render("pods");
  });

  it("keeps pods warm that are as an agent's own, of the image that agents ask for", () => {
    const Template = z.looseObject({
      spec: z.looseObject({
        networkPolicyManagement: z.string(),
        podTemplate: z.object({
          metadata: z.object({ labels: z.record(z.string(), z.string()) }),
          spec: z.looseObject({ containers: z.array(z.looseObject({ image: z.string() })) }),
        }),
      }),
    });
    const { podTemplate, networkPolicyManagement } = Template.parse(one("SandboxTemplate", "hindcast")).spec;
    const image = podTemplate.spec.containers[0]?.image ?? "";
    const asked = { ...ofPod, image, limits: defaults.campaign.limits, mounts: [], runtime: null };
    expect(podTemplate.spec).toEqual(podSpec("warm-pool", asked));
    expect(podTemplate.metadata.labels).toEqual(sandboxLabel);
    expect(networkPolicyManagement).toBe("Unmanaged");
    const agent = workloadsOf(manifests).find(({ namespace }) => namespace === "hindcast-agents");
    const environment = Object.fromEntries(
      (agent?.pod.containers ?? []).flatMap(({ env }) => env.map((each) => [each.name, each.value])),
    );
    expect(image.slice(0, image.lastIndexOf(":"))).toBe(environment["HINDCAST_SANDBOX_REPOSITORY"]);
    expect(environment).toMatchObject({
      HINDCAST_SANDBOX_DRIVER: "kubernetes",
      HINDCAST_SANDBOX_WARM_POOL: "hindcast",
    });
  });

  it("gives agents rights over sandboxes and nothing else", () => {
    const Rules = z.looseObject({
      rules: z.array(z.looseObject({ resources: z.array(z.string()), verbs: z.array(z.string()) })),
    });
    const rules = ["Role/rollout-agent", "ClusterRole/hindcast-runtime-classes"].flatMap((role) => {
      const [kind = "", called = ""] = role.split("/");
      return Rules.parse(one(kind, called)).rules.flatMap(({ resources, verbs }) =>
        resources.map((each) => [each, verbs]),
      );
    });
    const all = ["create", "get", "list", "watch", "delete"];
    expect(Object.fromEntries(rules)).toEqual({
      pods: all,
      "pods/attach": ["get", "create"],
      networkpolicies: ["list"],
      sandboxclaims: all,
      sandboxwarmpools: ["get"],
      sandboxes: ["get"],
      runtimeclasses: ["get"],
    });
    const bound = manifests.filter(({ kind }) => kind.endsWith("Binding"));
    const account = { kind: "ServiceAccount", name: "rollout-agent", namespace: "hindcast-agents" };
    expect(bound.map((each) => each["subjects"])).toEqual([[account], [account]]);
  });

  it("closes the sandboxes' namespace, and holds it to `restricted`", () => {
    const { labels } = z
      .looseObject({ labels: z.record(z.string(), z.string()) })
      .parse(one("Namespace", "hindcast-sandboxes").metadata);
    expect(labels["pod-security.kubernetes.io/enforce"]).toBe("restricted");
    expect(one("NetworkPolicy", "deny")["spec"]).toEqual({ podSelector: {}, policyTypes: ["Ingress", "Egress"] });
  });
});
