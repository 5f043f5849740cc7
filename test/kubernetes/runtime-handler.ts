// Whether a node of the cluster runs pods in gVisor: asked of a tiny pod, because kubelets of older runtimes tell of no handler.
import { readFileSync } from "node:fs";
import { setTimeout as pause } from "node:timers/promises";
import { kubernetesFolder } from "../support/manifests.ts";
import { kubectl } from "./kubectl.ts";

const runtimeClass = `${kubernetesFolder}components/gvisor/runtime-class.yaml`;
/** It has a shell and `dmesg`, and is there for the agents. */
const image = "hindcast/rollout-agent:dev";
const name = "hindcast-runtime-probe";
const namespace = "default";
const startMsMax = 60_000;

/** @returns what is not there; null where pods can have gVisor's kernel */
export async function gvisorMissing(): Promise<string | null> {
  const isOurs = (await kubectl(["get", "runtimeclass", "gvisor", "-o", "name"]).catch(() => "")) === "";
  if (isOurs) await kubectl(["apply", "-f", "-"], readFileSync(runtimeClass, "utf8"));
  try {
    await kubectl(["-n", namespace, "delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force"]);
    await kubectl(["apply", "-f", "-"], JSON.stringify(probe));
    const release = await answer();
    return release.endsWith("-gvisor") ? null : `a pod with the RuntimeClass gvisor has the kernel ${release}`;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  } finally {
    await kubectl(["-n", namespace, "delete", "pod", name, "--ignore-not-found", "--grace-period=0", "--force"]);
    if (isOurs) await kubectl(["delete", "runtimeclass", "gvisor", "--ignore-not-found"]);
  }
}

/** @throws Error with what the kubelet says of the pod */
async function answer(): Promise<string> {
  let phase = "";
  for (const deadline = Date.now() + startMsMax; Date.now() < deadline; await pause(500)) {
    phase = await kubectl(["-n", namespace, "get", "pod", name, "-o", "jsonpath={.status.phase}"]);
    if (phase === "Succeeded") return (await kubectl(["-n", namespace, "logs", name])).trim();
    if (phase === "Failed") break;
  }
  const path = "jsonpath={range .items[*]}{.reason}: {.message}{'\\n'}{end}";
  const events = ["get", "events", `--field-selector=involvedObject.name=${name},type=Warning`, "-o", path];
  const said = (await kubectl(["-n", namespace, ...events])).trim().split("\n").at(-1) ?? "";
  throw new Error(`no pod starts with the handler runsc (${phase}${said === "" ? "" : `, ${said}`})`);
}

const probe = {
  apiVersion: "v1",
  kind: "Pod",
  metadata: { name, namespace },
  spec: {
    runtimeClassName: "gvisor",
    restartPolicy: "Never",
    automountServiceAccountToken: false,
    containers: [
      {
        name: "probe",
        image,
        imagePullPolicy: "IfNotPresent",
        command: ["/bin/sh", "-c", "exec uname --kernel-release"],
      },
    ],
  },
};

/** What the pod's kernel says of itself, and the first words of its log: gVisor's names itself there. */
export async function kernelOf(podNamespace: string, pod: string): Promise<{ release: string; log: string }> {
  const run = (...command: string[]): Promise<string> => kubectl(["-n", podNamespace, "exec", pod, "--", ...command]);
  return { release: (await run("uname", "--kernel-release")).trim(), log: (await run("dmesg")).split("\n")[0] ?? "" };
}
