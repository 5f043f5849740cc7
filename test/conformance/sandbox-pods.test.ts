// What is a pod's own: what the API server shows of it, and what is left when it, its agent or its cluster fails.
// Requirements: 7.2.pods
import { expect, inject, it } from "vitest";
import { findPods } from "../../rollout-agent/src/sandbox/kubernetes/find-pods.ts";
import { createPods } from "../../rollout-agent/src/sandbox/kubernetes/kubernetes-driver.ts";
import { objectName } from "../../rollout-agent/src/sandbox/kubernetes/pod-settings.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { kubectl } from "../kubernetes/kubectl.ts";
import { createSandboxProvider, type GivenSandboxes, podOptions } from "../support/given-sandboxes.ts";
import { describeSandbox, never, openSandbox, testSandbox } from "./sandbox-fixture.ts";

const given: GivenSandboxes | undefined = inject("sandboxes");
const namespace = given?.pods?.namespace ?? "";
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const log = { debug: (): void => undefined };
const get = (...args: string[]): Promise<string> => kubectl(["-n", namespace, "get", ...args]);

describeSandbox("a pod", () => {
  it("is `restricted`, named and labelled for whoever looks after it, and gone when it is closed", async () => {
    const id = `w-1/c-0001/episode.ep-pod-${process.pid}/1`;
    const sandbox = await createSandboxProvider(given, "cluster-of-the-test").open({ id, limits }, never);
    const { metadata, spec } = JSON.parse(await get("pod", objectName(`${id}@cluster-of-the-test`), "-o", "json"));
    expect(metadata.labels).toMatchObject({
      "hindcast.dev/campaign": "c-0001",
      "hindcast.dev/lease": `episode.ep-pod-${process.pid}`,
      "hindcast.dev/worker": "w-1",
    });
    expect(spec.automountServiceAccountToken).toBe(false);
    expect(spec.volumes).toBeUndefined();
    const found = await findPods({ ...podOptionsOf(), cluster: "cluster-of-the-test" });
    expect(found.map(({ name }) => name)).toEqual([`${id}@cluster-of-the-test`]);
    await sandbox.close();
    expect(await get("pods", "-l", "hindcast.dev/cluster=cluster-of-the-test", "-o", "name")).toBe("");
  });

  it("has no interface but the loopback device, and nothing of its cluster", async () => {
    const { run } = await openSandbox();
    expect((await run("tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '")).text).toBe("lo\n");
    const { text } = await run("env; cat /etc/hosts /etc/resolv.conf; hostname; ls -A /var/run/secrets /run/secrets");
    expect(text).not.toMatch(/KUBERNETES|10\.\d+\.\d+\.\d+|cluster\.local|serviceaccount/);
  });

  it("that is deleted under an episode is lost, and no command's output", async () => {
    const { sandbox, run } = await openSandbox(limits);
    const running = run("sleep 60; echo done");
    const lost = expect(running).rejects.toMatchObject({ code: "SANDBOX_LOST", retryable: true });
    await kubectl(["-n", namespace, "delete", "pod", objectName(sandbox.id), "--wait=false"]);
    await lost;
  });

  it("whose image the cluster does not have says how to make it", async () => {
    const options = { ...podOptionsOf(), imageHash: "0".repeat(64), guestPath: defaultGuestPath, log };
    const opening = createPods(options).open({ id: `ep-none-${process.pid}`, limits }, never);
    await expect(opening).rejects.toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("hindcast image pack"),
    });
    expect(await get("pods", "-o", "name")).not.toContain(objectName(`ep-none-${process.pid}`));
  });

  it("that the quota has no room for says so", async () => {
    const quota = {
      apiVersion: "v1",
      kind: "ResourceQuota",
      metadata: { name: "none", namespace },
      spec: { hard: { pods: "0" } },
    };
    await kubectl(["apply", "-f", "-"], JSON.stringify(quota));
    try {
      await expect.poll(() => get("resourcequota", "none", "-o", "jsonpath={.status.hard.pods}")).toBe("0");
      await expect(openSandbox(limits)).rejects.toMatchObject({
        code: "SANDBOX_UNAVAILABLE",
        message: expect.stringContaining("raise its ResourceQuota"),
      });
    } finally {
      await kubectl(["-n", namespace, "delete", "resourcequota", "none"]);
    }
  });

  it("is told of by doctor where its namespace has no policy", async () => {
    const options = { ...podOptionsOf(), namespace: "default", guestPath: defaultGuestPath, log };
    expect(await createPods(options).problems()).toEqual([expect.stringContaining("No NetworkPolicy")]);
  });

  it("opens again under the name that a dead agent left", async () => {
    const id = `ep-left-${process.pid}`;
    const first = createSandboxProvider(given);
    const left = testSandbox(await first.open({ id, limits }, never));
    await left.run("echo old > f");
    // Another provider knows nothing of the first one's sandbox.
    const second = testSandbox(await createSandboxProvider(given).open({ id, limits }, never));
    expect((await second.run("cat f")).exitCode).toBe(1);
    await expect(left.run("true")).rejects.toMatchObject({ code: "SANDBOX_LOST" });
  });
});

function podOptionsOf(): ReturnType<typeof podOptions> & { warmPool: string | null } {
  if (given === undefined) throw new Error("this suite is of one driver");
  return { ...podOptions(given), warmPool: null };
}
