// Makes the provider of the driver that a test project is about.
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { createContainers } from "../../rollout-agent/src/sandbox/container/container-driver.ts";
import { createMachines } from "../../rollout-agent/src/sandbox/machine/machine-driver.ts";
import type { ImageRef, SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";

export interface GivenSandboxes {
  /** `gvisor`: containers with the runtime runsc. */
  driver: "container" | "gvisor" | "vm";
  /** Why the driver cannot be tested here; null where it can. */
  reason: string | null;
  socketPath: string;
  image: ImageRef & { kind: "root" };
  /** Of kernels and disks. */
  folder: string;
  /** npm's own folder on this machine, shown inside as /opt/npm. */
  npmFolder: string;
}

/** @param given nothing for bubblewrap, which needs no preparation */
export function createSandboxProvider(given: GivenSandboxes | undefined, cluster?: string): SandboxProvider {
  const log = { debug: (): void => {} };
  const basic = { guestPath: defaultGuestPath, log, ...(cluster === undefined ? {} : { cluster }) };
  if (given === undefined) return createBubblewrap(basic);
  const { driver, image, socketPath, folder } = given;
  const common = { ...basic, image };
  if (driver === "vm") return createMachines({ ...common, folder });
  return createContainers({ ...common, socketPath, runtime: driver === "gvisor" ? "runsc" : null });
}
