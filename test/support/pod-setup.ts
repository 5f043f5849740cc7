// Makes a cluster ready for the conformance suite: the namespace as `restricted` as the component has it, the image, and volumes
// that show folders of this machine, which has to be the cluster's one node.
import { execFile } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { packImage } from "../../rollout-agent/src/image/pack-image.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { podImage } from "../../rollout-agent/src/sandbox/kubernetes/pod-image.ts";
import { kubectl } from "../kubernetes/kubectl.ts";
import type { GivenPods, GivenSandboxes } from "./given-sandboxes.ts";

const namespace = "hindcast-sandboxes-test";
const repository = "hindcast/sandbox";
const never = new AbortController().signal;

export async function preparePods(given: GivenSandboxes): Promise<{ pods: GivenPods; remove: () => Promise<void> }> {
  const remove = async (): Promise<void> => {
    const names = ["namespace/" + namespace, ...folders.map((_, index) => `pv/${volumeName(index)}`)];
    await kubectl(["delete", "--ignore-not-found", "--wait=true", ...names]);
  };
  const folders = [given.npmFolder, tmpdir()];
  await remove();
  await loadImage(given);
  const items = [...boundary(), ...folders.flatMap((folder, index) => volume(folder, index))];
  await kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  const pods = {
    kubeconfig: process.env["KUBECONFIG"] ?? "",
    namespace,
    repository,
    seccompProfile: process.env["HINDCAST_TEST_SECCOMP"] ?? "hindcast/sandbox.json",
    volumes: Object.fromEntries(folders.map((folder, index) => [folder, volumeName(index)])),
    warmPool: null,
  };
  return { pods, remove };
}

/** HINDCAST_TEST_LOAD_IMAGE is a command that is given the archive's path; without it the image has to be there. */
async function loadImage({ image }: GivenSandboxes): Promise<void> {
  const load = process.env["HINDCAST_TEST_LOAD_IMAGE"];
  if (load === undefined) return;
  const folder = await mkdtemp(join(tmpdir(), "hindcast-pods-"));
  try {
    const output = join(folder, "image.tar");
    const reference = await podImage(repository, image.hash, defaultGuestPath);
    await packImage({ root: image.path, guestPath: defaultGuestPath, reference, output }, never);
    await promisify(execFile)("/bin/sh", ["-c", `${load} "$1"`, "load", output]);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function boundary(): object[] {
  const labels = { "pod-security.kubernetes.io/enforce": "restricted" };
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace, labels } },
    {
      apiVersion: "networking.k8s.io/v1",
      kind: "NetworkPolicy",
      metadata: { name: "deny", namespace },
      spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] },
    },
  ];
}

const volumeName = (index: number): string => `hindcast-test-${index}`;

function volume(folder: string, index: number): object[] {
  const name = volumeName(index);
  const common = { accessModes: ["ReadOnlyMany"], storageClassName: "" };
  return [
    {
      apiVersion: "v1",
      kind: "PersistentVolume",
      metadata: { name },
      spec: { ...common, capacity: { storage: "1Gi" }, hostPath: { path: folder } },
    },
    {
      apiVersion: "v1",
      kind: "PersistentVolumeClaim",
      metadata: { name, namespace },
      spec: { ...common, volumeName: name, resources: { requests: { storage: "1Gi" } } },
    },
  ];
}
