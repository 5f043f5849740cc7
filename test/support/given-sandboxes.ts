// Makes the provider of the driver that a test project is about.
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { createContainers } from "../../rollout-agent/src/sandbox/container/container-driver.ts";
import {
  createPods,
  type KubernetesDriverOptions,
} from "../../rollout-agent/src/sandbox/kubernetes/kubernetes-driver.ts";
import { createMachines } from "../../rollout-agent/src/sandbox/machine/machine-driver.ts";
import type { ImageRef, SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";

export interface GivenSandboxes {
  /** `gvisor`: containers with the runtime runsc. */
  driver: "container" | "gvisor" | "vm" | "kubernetes";
  /** Why the driver cannot be tested here; null where it can. */
  reason: string | null;
  socketPath: string;
  image: ImageRef & { kind: "root" };
  /** Of kernels and disks. */
  folder: string;
  /** npm's own folder on this machine, shown inside as /opt/npm. */
  npmFolder: string;
  /** Where pods are, for that driver. */
  pods?: GivenPods;
}

export interface GivenPods {
  kubeconfig: string;
  namespace: string;
  repository: string;
  seccompProfile: string | null;
  /** Folders of this machine, and the claims that show them to pods. */
  volumes: Record<string, string>;
  warmPool: string | null;
}

/** @param given nothing for bubblewrap, which needs no preparation */
export function createSandboxProvider(given: GivenSandboxes | undefined, cluster?: string): SandboxProvider {
  const log = { debug: (): void => {} };
  const basic = { guestPath: defaultGuestPath, log, ...(cluster === undefined ? {} : { cluster }) };
  if (given === undefined) return createBubblewrap(basic);
  const { driver, image, socketPath, folder } = given;
  const common = { ...basic, image };
  if (driver === "kubernetes") return createPods({ ...basic, ...podOptions(given) });
  if (driver === "vm") return createMachines({ ...common, folder });
  return createContainers({ ...common, socketPath, runtime: driver === "gvisor" ? "runsc" : null });
}

/** Where no cluster was prepared, and the suite is skipped. */
const nowhere: GivenPods = {
  kubeconfig: "",
  namespace: "",
  repository: "",
  seccompProfile: null,
  volumes: {},
  warmPool: null,
};

export function podOptions({
  image,
  pods = nowhere,
}: GivenSandboxes): Omit<KubernetesDriverOptions, "log" | "guestPath"> {
  return { ...pods, imageHash: image.hash, volumes: new Map(Object.entries(pods.volumes)) };
}
