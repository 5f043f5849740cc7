// What a sandbox's pod may do: nothing but run the guest on a read-only root, without a capability, a token or a way out.
import { HindcastError, limits } from "@hindcast/shared";
import { deriveId, sha256Hex } from "@hindcast/shared/node";
import { relative } from "node:path";
import { guestFile } from "../sandbox-world.ts";
import { capabilitiesToBuild, overheadBytes } from "../container/container-settings.ts";
import { firstHostUser } from "../host-users.ts";
import { parseSandboxName } from "../sandbox-name.ts";
import type { SandboxLimits, SandboxMount } from "../sandbox.ts";

/** Of every pod of ours: what policies select. */
export const sandboxLabel: Readonly<Record<string, string>> = { "app.kubernetes.io/name": "hindcast-sandbox" };
/** Holds the sandbox's whole name: a label takes no slash. */
export const nameAnnotation = "hindcast.dev/sandbox";
export const clusterLabel = "hindcast.dev/cluster";
export const containerName = "sandbox";

const labelValue = /^[A-Za-z0-9]([A-Za-z0-9._-]{0,61}[A-Za-z0-9])?$/;
/** As many numbers as leave every one a valid user. */
const usersOfPods = 2 ** 24;

export interface PodOptions {
  image: string;
  limits: SandboxLimits;
  mounts: readonly SandboxMount[];
  /** Folders of the agent, and the claims that show them to pods. */
  volumes: ReadonlyMap<string, string>;
  /** A RuntimeClass; null takes the cluster's own. */
  runtime: string | null;
  isUserSpaceKernel: boolean;
  /** A file below the kubelet's folder of profiles; null for none. */
  seccompProfile: string | null;
}

/** Of pods and claims; also the name of a pod's directory entry nowhere else. */
export function objectName(name: string): string {
  return deriveId("hindcast", name);
}

/** What finds a sandbox: its cluster, and whose it is. */
export function labelsOf(name: string): Record<string, string> {
  const at = name.lastIndexOf("@");
  const [word, cluster] = at < 0 ? [name, ""] : [name.slice(0, at), name.slice(at + 1)];
  const known = parseSandboxName(word);
  const labels = {
    [clusterLabel]: cluster,
    "hindcast.dev/campaign": known?.campaignId ?? "",
    "hindcast.dev/lease": known?.lease ?? "",
    "hindcast.dev/worker": known?.workerId ?? "",
  };
  return Object.fromEntries(Object.entries(labels).filter(([, value]) => labelValue.test(value)));
}

/** The body of `POST …/pods`. */
export function podManifest(name: string, options: PodOptions): object {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: {
      name: objectName(name),
      labels: { ...sandboxLabel, ...labelsOf(name) },
      annotations: { [nameAnnotation]: name },
    },
    spec: podSpec(name, options),
  };
}

/** Memory that a pod of these limits is given, in bytes: what commands may write is memory, too. */
export function memoryOf({ memoryBytesMax, diskBytesMax }: SandboxLimits): number {
  return memoryBytesMax + diskBytesMax + overheadBytes;
}

/** @param name tells an operator's `ps` which episode a process belongs to */
export function podSpec(name: string, options: PodOptions): object {
  const { image, mounts, volumes, runtime, isUserSpaceKernel, seccompProfile } = options;
  // gVisor's root is no user of the node. Elsewhere each sandbox is one of its own.
  const user = isUserSpaceKernel ? 0 : firstHostUser + (Number.parseInt(sha256Hex(name).slice(0, 8), 16) % usersOfPods);
  const shown = mounts.map((mount) => shownMount(mount, volumes));
  const claims = [...new Set(shown.map(({ claim }) => claim))];
  const profile =
    seccompProfile === null ? { type: "Unconfined" } : { type: "Localhost", localhostProfile: seccompProfile };
  return {
    ...(runtime === null ? {} : { runtimeClassName: runtime }),
    restartPolicy: "Never",
    // Its input ends with the agent's connection, and the guest with its input; this is for one that nobody connected to.
    activeDeadlineSeconds: limits.podSecondsMax,
    terminationGracePeriodSeconds: 1,
    automountServiceAccountToken: false,
    enableServiceLinks: false,
    hostname: "sandbox",
    // Nothing can be looked up; kubelet's own file would name the cluster.
    dnsPolicy: "None",
    dnsConfig: { nameservers: ["127.0.0.1"] },
    securityContext: {
      runAsNonRoot: !isUserSpaceKernel,
      runAsUser: user,
      runAsGroup: user,
      seccompProfile: isUserSpaceKernel ? { type: "RuntimeDefault" } : profile,
    },
    containers: [
      {
        name: containerName,
        image,
        imagePullPolicy: "IfNotPresent",
        command: [guestFile],
        args: [name, isUserSpaceKernel ? "--user-space-kernel" : "--pod"],
        workingDir: "/",
        stdin: true,
        stdinOnce: true,
        resources: {
          requests: { cpu: "100m", memory: "128Mi" },
          limits: { cpu: "2", memory: String(memoryOf(options.limits)), "ephemeral-storage": "64Mi" },
        },
        securityContext: {
          allowPrivilegeEscalation: false,
          readOnlyRootFilesystem: true,
          capabilities: { drop: ["ALL"], ...(isUserSpaceKernel ? { add: capabilitiesToBuild } : {}) },
        },
        volumeMounts: shown.map(({ claim, subPath, target }) => ({
          name: volumeName(claims, claim),
          mountPath: target,
          readOnly: true,
          ...(subPath === "" ? {} : { subPath }),
        })),
      },
    ],
    volumes: claims.map((claim) => ({
      name: volumeName(claims, claim),
      persistentVolumeClaim: { claimName: claim, readOnly: true },
    })),
  };
}

const volumeName = (claims: readonly string[], claim: string): string => `volume-${claims.indexOf(claim)}`;

/** @throws SANDBOX_UNAVAILABLE for a folder that no claim shows */
function shownMount(
  { source, target }: SandboxMount,
  volumes: ReadonlyMap<string, string>,
): { claim: string; subPath: string; target: string } {
  for (const [folder, claim] of volumes) {
    const subPath = relative(folder, source);
    if (subPath !== ".." && !subPath.startsWith("../")) return { claim, subPath, target };
  }
  throw new HindcastError({
    code: "SANDBOX_UNAVAILABLE",
    boundary: "sandbox",
    message:
      `a pod cannot show ${source} of this machine: keep it on a volume, and name its claim in ` +
      `HINDCAST_SANDBOX_VOLUMES (${source}=CLAIM), or put it into the image`,
  });
}
