// The sandboxes that an agent's settings ask for: driver, image and pool.
import { type ConfigOf, sandboxVariables, workerVariables } from "@hindcast/shared/node";
import type { HeldImage } from "../image/image-cache.ts";
import { defaultRecipe, imageFolder, imagesOfMachine, readRecipe } from "../image/images-of-machine.ts";
import { createBubblewrap, defaultGuestPath } from "./bubblewrap.ts";
import { createContainers } from "./container/container-driver.ts";
import { findNodePrefix } from "./find-node-prefix.ts";
import { createMachines } from "./machine/machine-driver.ts";
import type { SandboxMetrics } from "./measured-sandboxes.ts";
import { SandboxPool } from "./sandbox-pool.ts";
import type { SandboxProvider } from "./sandbox.ts";

export const sandboxSettings = {
  ...sandboxVariables,
  egressSecrets: workerVariables.egressSecrets,
  guestPath: workerVariables.guestPath,
  searchPath: workerVariables.searchPath,
} as const;
export type SandboxSettings = ConfigOf<typeof sandboxSettings>;

export interface SandboxesOptions {
  /** Whose sandboxes they are (`clusterOf`). */
  cluster?: string;
  /** Names the pool's sandboxes. */
  owner: string;
  /** Counts and times what is opened. @default nobody does */
  metrics?: SandboxMetrics;
  log: {
    debug: (fields: object, message: string) => void;
    info: (fields: object, message: string) => void;
    warn: (fields: object, message: string) => void;
  };
}

export interface Sandboxes extends AsyncDisposable {
  sandboxes: SandboxProvider;
}

/** Builds the image where the driver needs one that is not there: minutes, once per machine. */
export async function createSandboxes(
  settings: SandboxSettings,
  options: SandboxesOptions,
  signal: AbortSignal,
): Promise<Sandboxes> {
  const image = await heldImage(settings, options, signal);
  const provider = createProvider(settings, image, options);
  const { owner, metrics, log } = options;
  const pool = new SandboxPool({ sandboxes: provider, owner, warm: settings.sandboxWarm, log });
  metrics?.observe(pool);
  return {
    sandboxes: metrics === undefined ? pool : metrics.measured(pool),
    [Symbol.asyncDispose]: async () => {
      await pool.close();
      await image?.[Symbol.asyncDispose]();
    },
  };
}

async function heldImage(
  settings: SandboxSettings,
  { log }: SandboxesOptions,
  signal: AbortSignal,
): Promise<HeldImage | null> {
  const { sandboxDriver, sandboxRecipe, guestPath } = settings;
  if (sandboxDriver === "bubblewrap" && sandboxRecipe === null) return null;
  const recipe = sandboxRecipe === null ? defaultRecipe : await readRecipe(sandboxRecipe);
  return await imagesOfMachine(settings, { guestPath: guestPath ?? defaultGuestPath, log }).acquire(recipe, signal);
}

function createProvider(
  settings: SandboxSettings,
  held: HeldImage | null,
  { cluster, log }: SandboxesOptions,
): SandboxProvider {
  const guestPath = settings.guestPath ?? defaultGuestPath;
  const egressSecrets = new Map(Object.entries(settings.egressSecrets ?? {}));
  const common = { guestPath, egressSecrets, log, ...(cluster === undefined ? {} : { cluster }) };
  if (held === null || settings.sandboxDriver === "bubblewrap") {
    const nodePrefix = findNodePrefix(settings.searchPath);
    return createBubblewrap({ ...common, nodePrefix, ...(held === null ? {} : { image: held.ref }) });
  }
  if (settings.sandboxDriver === "vm") {
    return createMachines({ ...common, image: held.ref, folder: imageFolder(settings) });
  }
  const { sandboxDockerSocket: socketPath, sandboxRuntime: runtime } = settings;
  return createContainers({ ...common, image: held.ref, socketPath, runtime });
}
