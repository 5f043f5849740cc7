// Pods against a server that speaks the Kubernetes API: what is asked of it, and what each of its refusals becomes. The same
// driver in a real cluster: test/conformance/sandbox-*.test.ts, `npm run test:pods`.
// Requirements: 7.2.pods, 7.2.claims, 7.bad.missing-kind
import { afterEach, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { clusterAccess } from "../../rollout-agent/src/sandbox/kubernetes/cluster-access.ts";
import { findPods } from "../../rollout-agent/src/sandbox/kubernetes/find-pods.ts";
import {
  createPods,
  type KubernetesDriverOptions,
} from "../../rollout-agent/src/sandbox/kubernetes/kubernetes-driver.ts";
import { podImage } from "../../rollout-agent/src/sandbox/kubernetes/pod-image.ts";
import { objectName } from "../../rollout-agent/src/sandbox/kubernetes/pod-settings.ts";
import type { Sandbox } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { type ApiObject, ScriptedCluster } from "../support/scripted-cluster.ts";

const never = new AbortController().signal;
const namespace = "boxes";
const pods = `/api/v1/namespaces/${namespace}/pods`;
const claims = `/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/${namespace}/sandboxclaims`;
const pools = `/apis/extensions.agents.x-k8s.io/v1beta1/namespaces/${namespace}/sandboxwarmpools`;
const sandboxes = `/apis/agents.x-k8s.io/v1beta1/namespaces/${namespace}/sandboxes`;
const policies = `/apis/networking.k8s.io/v1/namespaces/${namespace}/networkpolicies`;
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const imageHash = "ab".repeat(32);
const name = "w-1/c-0001/episode.ep-1/1";
const pod = objectName(`${name}@cluster-x`);

let cluster: ScriptedCluster;
const opened: Sandbox[] = [];

// Loading the client library is slow on a busy machine, and no test's matter.
beforeAll(async () => {
  await using first = await ScriptedCluster.start();
  await clusterAccess(first.kubeconfig);
});

beforeEach(async () => {
  cluster = await ScriptedCluster.start();
  deny(cluster);
  cluster.onCreate = run;
});

afterEach(async () => {
  await Promise.all(opened.splice(0).map((sandbox) => sandbox.close()));
  await cluster[Symbol.asyncDispose]();
});

function deny({ objects }: ScriptedCluster): void {
  objects.set(`${policies}/deny`, {
    metadata: { name: "deny" },
    spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
  });
}

/** As a kubelet: the pod waits, and then runs. */
function run(path: string, object: ApiObject): void {
  const state = (what: object): ApiObject => ({
    ...object,
    status: { phase: "Pending", containerStatuses: [{ name: "sandbox", state: what }] },
  });
  setTimeout(() => cluster.put(path, state({ waiting: { reason: "ContainerCreating" } })), 5);
  setTimeout(() => cluster.put(path, state({ running: {} })), 10);
}

function wait(path: string, object: ApiObject, reason: string, message: string): void {
  const state = { waiting: { reason, message } };
  cluster.put(path, { ...object, status: { phase: "Pending", containerStatuses: [{ name: "sandbox", state }] } });
}

function options(more: Partial<KubernetesDriverOptions> = {}): KubernetesDriverOptions {
  return {
    kubeconfig: cluster.kubeconfig,
    namespace,
    repository: "registry/sandbox",
    imageHash,
    guestPath: defaultGuestPath,
    seccompProfile: "hindcast/sandbox.json",
    cluster: "cluster-x",
    log: { debug: () => undefined },
    ...more,
  };
}

async function open(more: Partial<KubernetesDriverOptions> = {}, mounts: { source: string; target: string }[] = []) {
  const sandbox = await createPods(options(more)).open({ id: name, limits, mounts }, never);
  opened.push(sandbox);
  return sandbox;
}

const refusal = (message: string | RegExp): object => ({
  code: "SANDBOX_UNAVAILABLE",
  boundary: "sandbox",
  message: expect.stringMatching(message),
});

describe("a pod", () => {
  it("is made for the episode, attached to, asked to end by its input, and removed", async () => {
    const sandbox = await open();
    expect(cluster.objects.get(`${pods}/${pod}`)).toMatchObject({
      metadata: {
        labels: { "hindcast.dev/campaign": "c-0001", "hindcast.dev/lease": "episode.ep-1" },
        annotations: { "hindcast.dev/sandbox": `${name}@cluster-x` },
      },
      spec: {
        automountServiceAccountToken: false,
        containers: [{ image: await podImage("registry/sandbox", imageHash, defaultGuestPath), stdinOnce: true }],
      },
    });
    await sandbox.close();
    expect(cluster.asked.filter((asked) => !/^(GET|WATCH) /.test(asked))).toEqual([
      `POST ${pods}`,
      `ATTACH ${pods}/${pod}/attach`,
      `INPUT ENDED ${pods}/${pod}/attach`,
      `DELETE ${pods}/${pod}`,
    ]);
    expect(cluster.objects.has(`${pods}/${pod}`)).toBe(false);
  });

  it("is waited for however often the watch is closed or too old", async () => {
    cluster.watchesToClose = 2;
    const watches = (): number => cluster.asked.filter((asked) => asked === `WATCH ${pods}`).length;
    const opening = open();
    cluster.onCreate = () => undefined;
    await expect.poll(watches).toBe(3);
    cluster.fail(pods, 410);
    await expect.poll(watches).toBe(4);
    run(`${pods}/${pod}`, cluster.objects.get(`${pods}/${pod}`) ?? { metadata: { name: pod } });
    await opening;
  });

  it("takes the place of what a dead process left under its name", async () => {
    cluster.put(`${pods}/${pod}`, { metadata: { name: pod }, spec: { containers: [] } });
    await open();
    expect(cluster.asked.filter((asked) => asked === `POST ${pods}`)).toHaveLength(2);
  });

  it("shows folders that a claim holds, and no others", async () => {
    const volumes = new Map([["/var/cache/hindcast", "cache"]]);
    await open({ volumes }, [{ source: "/var/cache/hindcast/python/3", target: "/opt/python" }]);
    expect(cluster.objects.get(`${pods}/${pod}`)?.spec).toMatchObject({
      containers: [{ volumeMounts: [{ mountPath: "/opt/python", subPath: "python/3", readOnly: true }] }],
      volumes: [{ persistentVolumeClaim: { claimName: "cache", readOnly: true } }],
    });
    const other = open({ volumes }, [{ source: "/var/cache/hindcast-2", target: "/opt/x" }]);
    await expect(other).rejects.toMatchObject(refusal("HINDCAST_SANDBOX_VOLUMES"));
  });

  it("is lost when its connection breaks, with what the cluster says of its end", async () => {
    const sandbox = await open();
    const object = cluster.objects.get(`${pods}/${pod}`);
    const terminated = { reason: "OOMKilled", exitCode: 137 };
    const status = { phase: "Failed", containerStatuses: [{ name: "sandbox", state: { terminated } }] };
    cluster.objects.set(`${pods}/${pod}`, { ...object, metadata: { name: pod }, status });
    cluster.refuses = (method) =>
      method === "DELETE" ? { status: 409, reason: "Conflict", message: "it is being removed" } : null;
    for (const socket of cluster.containers) socket.terminate();
    // It has seen how the pod ended, and waits until it is gone.
    const after = (): string[] => cluster.asked.slice(cluster.asked.indexOf(`DELETE ${pods}/${pod}`));
    await expect.poll(() => after().includes(`WATCH ${pods}`)).toBe(true);
    cluster.remove(`${pods}/${pod}`);
    await expect(sandbox.state(never)).rejects.toMatchObject({
      code: "SANDBOX_LOST",
      retryable: true,
      message: expect.stringContaining("OOMKilled"),
    });
  });

  it("is served by a server of the older protocol, which ends an input with the connection", async () => {
    await using older = await ScriptedCluster.start(["v4.channel.k8s.io"]);
    deny(older);
    older.onCreate = (path, object) => {
      const status = { phase: "Running", containerStatuses: [{ name: "sandbox", state: { running: {} } }] };
      setTimeout(() => older.put(path, { ...object, status }), 5);
    };
    const sandbox = await createPods(options({ kubeconfig: older.kubeconfig })).open({ id: name, limits }, never);
    await sandbox.close();
    expect(older.objects.has(`${pods}/${pod}`)).toBe(false);
  });

  it("is found by the reaper with its name, and ended", async () => {
    await open();
    const find = { kubeconfig: cluster.kubeconfig, namespace, warmPool: null };
    expect(await findPods({ ...find, cluster: "cluster-y" })).toEqual([]);
    const [found] = await findPods({ ...find, cluster: "cluster-x" });
    expect(found?.name).toBe(`${name}@cluster-x`);
    await found?.end();
    expect(cluster.objects.has(`${pods}/${pod}`)).toBe(false);
  });
});

describe("a refusal", () => {
  const forbidden = { status: 403, reason: "Forbidden" };

  it.each([
    ["POST", { ...forbidden, message: 'pods is forbidden: User "x" cannot create' }, "which has its Role"],
    ["POST", { ...forbidden, message: "exceeded quota: sandboxes, requested: pods=1" }, "raise its ResourceQuota"],
    [
      "POST",
      { ...forbidden, message: "maximum memory usage per Container is 16Gi, but limit is 20Gi" },
      "raise max of its LimitRange",
    ],
    ["POST", { ...forbidden, message: 'violates PodSecurity "restricted:latest"' }, "HINDCAST_SANDBOX_SECCOMP_PROFILE"],
    ["POST", { status: 404, reason: "NotFound", message: 'namespaces "boxes" not found' }, "make the namespace boxes"],
    ["WATCH", { ...forbidden, message: "pods is forbidden: cannot watch" }, "which has its Role"],
    ["ATTACH", { ...forbidden, message: "pods/attach is forbidden" }, "which has its Role"],
    ["POST", { status: 500, reason: "InternalError", message: "etcd is slow" }, "etcd is slow"],
  ])("of %s is no answer of a command: %o", async (method, answer, remedy) => {
    if (method === "WATCH") cluster.onCreate = () => undefined;
    cluster.refuses = (asked) => (asked === method ? answer : null);
    await expect(open()).rejects.toMatchObject(refusal(remedy));
    expect(cluster.objects.has(`${pods}/${pod}`)).toBe(false);
  });

  it.each([
    ["ErrImagePull", "not found", "hindcast image pack"],
    ["CreateContainerError", "cannot load seccomp profile", "seccomp.json"],
  ])("of a kubelet ends the wait at once: %s", async (reason, message, remedy) => {
    cluster.onCreate = (path, object) => wait(path, object, reason, message);
    await expect(open()).rejects.toMatchObject(refusal(remedy));
    expect(cluster.objects.has(`${pods}/${pod}`)).toBe(false);
  });

  it("of an account that nobody knows, and of a server that is not there", async () => {
    cluster.refuses = () => ({ status: 401, reason: "Unauthorized", message: "who" });
    expect(await createPods(options()).problems()).toEqual([expect.stringContaining("renew the kubeconfig")]);
    const gone = await ScriptedCluster.start();
    const { kubeconfig } = gone;
    const provider = createPods(options({ kubeconfig }));
    await gone[Symbol.asyncDispose]();
    expect(await provider.problems()).toEqual([expect.stringMatching(/kubeconfig|API server/)]);
  });

  it("is the agent's own where a policy lets something through", async () => {
    cluster.objects.set(`${policies}/hole`, {
      metadata: { name: "hole" },
      spec: { podSelector: {}, policyTypes: ["Egress"], egress: [{}] },
    });
    expect(await createPods(options()).problems()).toEqual([expect.stringContaining("another allows something")]);
    cluster.objects.clear();
    await expect(open()).rejects.toMatchObject(refusal("No NetworkPolicy"));
  });
});

describe("a claim", () => {
  const warmPool = "pool";

  beforeEach(async () => {
    cluster.objects.set(`${pools}/${warmPool}`, { metadata: { name: warmPool } });
    warm({ image: await podImage("registry/sandbox", imageHash, defaultGuestPath), memory: "1Gi" });
  });

  /** As the controller: gives the claim a Sandbox whose pod has a name of its own. */
  function warm({ image, memory }: { image: string; memory: string }): void {
    cluster.onCreate = (path, claim) => {
      const containers = [{ name: "sandbox", image, resources: { limits: { memory } } }];
      const status = { phase: "Running", containerStatuses: [{ name: "sandbox", state: { running: {} } }] };
      cluster.put(`${pods}/pool-7-pod`, { metadata: { name: "pool-7-pod" }, spec: { containers }, status });
      const annotations = { "agents.x-k8s.io/pod-name": "pool-7-pod" };
      cluster.put(`${sandboxes}/pool-7`, { metadata: { name: "pool-7", annotations } });
      const conditions = [{ type: "Ready", status: "True" }];
      setTimeout(() => cluster.put(path, { ...claim, status: { conditions, sandbox: { name: "pool-7" } } }), 5);
    };
  }

  it("takes a pod of the pool, and gives it up with the sandbox", async () => {
    const sandbox = await open({ warmPool });
    expect(cluster.asked).toContain(`ATTACH ${pods}/pool-7-pod/attach`);
    expect(cluster.asked).not.toContain(`POST ${pods}`);
    const find = { kubeconfig: cluster.kubeconfig, namespace, warmPool, cluster: "cluster-x" };
    expect((await findPods(find)).map((found) => found.name)).toEqual([`${name}@cluster-x`]);
    // The garbage collector's work.
    const gone = setInterval(() => cluster.objects.has(`${claims}/${pod}`) || cluster.remove(`${pods}/pool-7-pod`), 10);
    await sandbox.close();
    clearInterval(gone);
    expect(cluster.objects.has(`${claims}/${pod}`)).toBe(false);
    expect(cluster.asked).not.toContain(`DELETE ${pods}/pool-7-pod`);
  });

  it("needs the types of agent-sandbox, and its pool", async () => {
    cluster.objects.delete(`${pools}/${warmPool}`);
    expect(await createPods(options({ warmPool })).problems()).toEqual([
      expect.stringContaining('no SandboxWarmPool "pool"'),
    ]);
    cluster.refuses = (_method, path) => (path.startsWith(pools) ? "404 page not found\n" : null);
    expect(await createPods(options({ warmPool })).problems()).toEqual([
      expect.stringContaining("install kubernetes-sigs/agent-sandbox"),
    ]);
  });

  it("is given up at once where the controller says no", async () => {
    cluster.onCreate = (path, claim) => {
      const conditions = [{ type: "Ready", status: "False", reason: "TemplateNotFound", message: "no template" }];
      cluster.put(path, { ...claim, status: { conditions } });
    };
    await expect(open({ warmPool })).rejects.toMatchObject(refusal("TemplateNotFound: no template"));
    expect(cluster.objects.has(`${claims}/${pod}`)).toBe(false);
  });

  it("is refused where the pool's pods are of another image or too small, or cannot show a folder", async () => {
    const gone = setInterval(() => cluster.objects.has(`${claims}/${pod}`) || cluster.remove(`${pods}/pool-7-pod`), 10);
    warm({ image: "other:1", memory: "1Gi" });
    await expect(open({ warmPool })).rejects.toMatchObject(refusal("the warm pool's image is other:1"));
    warm({ image: await podImage("registry/sandbox", imageHash, defaultGuestPath), memory: "64Mi" });
    await expect(open({ warmPool })).rejects.toMatchObject(refusal("67108864 bytes of memory"));
    clearInterval(gone);
    const mounts = [{ source: "/x", target: "/opt/x" }];
    await expect(open({ warmPool }, mounts)).rejects.toMatchObject(refusal("takes no mounts"));
  });
});
