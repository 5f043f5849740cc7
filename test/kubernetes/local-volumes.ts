// Volumes for claims that name no class, on a cluster whose one node is this machine: a small file system each, so that one can
// be filled.
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { kubectl } from "./kubectl.ts";

const className = "hindcast-test";
const volumeMiB = 256;

export interface TestVolumes extends AsyncDisposable {
  names: string[];
  /** Where this machine sees the claim's volume. */
  folder(claim: string): string;
  /** Until it is disposed of, the claim's volume has no room. */
  fill(claim: string): Disposable;
  /** An empty one in place of a volume whose claim was deleted. */
  renew(claim: string): Promise<void>;
}

/** @throws Error where this process may not mount */
export async function volumesOfThisMachine(claims: readonly string[]): Promise<TestVolumes> {
  const folder = mkdtempSync(join(tmpdir(), "hindcast-volumes-"));
  const node = await kubectl(["get", "nodes", "-o", "jsonpath={.items[0].metadata.name}"]);
  const at = (claim: string): string => join(folder, claim);
  const mount = (claim: string): void => {
    execFileSync("mount", ["-t", "tmpfs", "-o", `size=${volumeMiB}m,mode=0777`, "tmpfs", at(claim)]);
  };
  const unmount = (claim: string): void => void execFileSync("umount", ["--lazy", at(claim)]);
  for (const claim of claims) {
    mkdirSync(at(claim));
    mount(claim);
  }
  const annotations = { "storageclass.kubernetes.io/is-default-class": "true" };
  const items = [
    {
      apiVersion: "storage.k8s.io/v1",
      kind: "StorageClass",
      metadata: { name: className, annotations },
      provisioner: "kubernetes.io/no-provisioner",
      volumeBindingMode: "WaitForFirstConsumer",
    },
    ...claims.map((claim) => volume(claim, at(claim), node)),
  ];
  await kubectl(["apply", "-f", "-"], JSON.stringify({ apiVersion: "v1", kind: "List", items }));
  return {
    names: [...claims],
    folder: at,
    renew: async (claim) => {
      await kubectl(["delete", "--ignore-not-found", "--timeout=60s", `pv/${volumeName(claim)}`]);
      unmount(claim);
      mount(claim);
      await kubectl(["apply", "-f", "-"], JSON.stringify(volume(claim, at(claim), node)));
    },
    fill: (claim) => {
      const ballast = join(at(claim), "ballast");
      const { bavail, bsize } = statfsSync(at(claim));
      writeFileSync(ballast, Buffer.alloc(bavail * bsize));
      return { [Symbol.dispose]: () => rmSync(ballast, { force: true }) };
    },
    [Symbol.asyncDispose]: async () => {
      const names = [`storageclass/${className}`, ...claims.map((claim) => `pv/${volumeName(claim)}`)];
      await kubectl(["delete", "--ignore-not-found", "--wait=false", ...names]);
      for (const claim of claims) unmount(claim);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

const volumeName = (claim: string): string => `hindcast-test-${claim}`;

function volume(claim: string, path: string, node: string): object {
  const term = { key: "kubernetes.io/hostname", operator: "In", values: [node] };
  return {
    apiVersion: "v1",
    kind: "PersistentVolume",
    metadata: { name: volumeName(claim) },
    spec: {
      storageClassName: className,
      accessModes: ["ReadWriteOnce"],
      // What the claims ask for; nothing holds a local volume to it.
      capacity: { storage: "100Gi" },
      claimRef: { apiVersion: "v1", kind: "PersistentVolumeClaim", namespace: "hindcast", name: claim },
      local: { path },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [term] }] } },
    },
  };
}
