// The sandboxes that an agent's settings ask for: driver, image and pool.
import { type ConfigOf, sandboxVariables, workerVariables } from "@hindcast/shared/node";
import type { HeldImage, ImageCache } from "../image/image-cache.ts";
import { defaultRecipe, imageFolder, imagesOfMachine, readRecipe } from "../image/images-of-machine.ts";
import { recipeHash } from "../image/recipe.ts";
import { createBubblewrap, defaultGuestPath } from "./bubblewrap.ts";
import { createContainers, findContainers, type FoundContainer } from "./container/container-driver.ts";
import { findNodePrefix } from "./find-node-prefix.ts";
import { findPods } from "./kubernetes/find-pods.ts";
import { createPods, type KubernetesDriverOptions } from "./kubernetes/kubernetes-driver.ts";
import { createMachines } from "./machine/machine-driver.ts";
import type { SandboxMetrics } from "./measured-sandboxes.ts";
import { SandboxPool } from "./sandbox-pool.ts";
import type { SandboxProvider } from "./sandbox.ts";

const never = new AbortController().signal;

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
  const guestPath = settings.guestPath ?? defaultGuestPath;
  const images = imagesOfMachine(settings, { guestPath, log: options.log });
  const image = await heldImage(settings, images, signal);
  const provider =
    settings.sandboxDriver === "kubernetes"
      ? createPods({ ...(await podOptions(settings)), ...commonOptions(settings, options) })
      : createProvider(settings, { held: image, images }, options);
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
  { sandboxDriver, sandboxRecipe }: SandboxSettings,
  images: ImageCache,
  signal: AbortSignal,
): Promise<HeldImage | null> {
  // Nodes have the images of pods, or pull them.
  if (sandboxDriver === "kubernetes" || (sandboxDriver === "bubblewrap" && sandboxRecipe === null)) return null;
  return await images.acquire(sandboxRecipe === null ? defaultRecipe : await readRecipe(sandboxRecipe), signal);
}

function createProvider(
  settings: SandboxSettings,
  { held, images }: { held: HeldImage | null; images: ImageCache },
  options: SandboxesOptions,
): SandboxProvider {
  const common = commonOptions(settings, options);
  if (held === null || settings.sandboxDriver === "bubblewrap") {
    const nodePrefix = findNodePrefix(settings.searchPath);
    return createBubblewrap({ ...common, nodePrefix, ...(held === null ? {} : { image: held.ref }) });
  }
  if (settings.sandboxDriver === "vm") {
    return createMachines({ ...common, image: held.ref, folder: imageFolder(settings) });
  }
  const { sandboxDockerSocket: socketPath, sandboxRuntime: runtime } = settings;
  const onImported = async (): Promise<void> => void (await images.evict(never));
  const containers = { image: held.ref, imageFolder: imageFolder(settings), onImported, socketPath, runtime };
  return createContainers({ ...common, ...containers });
}

interface CommonOptions {
  guestPath: string;
  egressSecrets: ReadonlyMap<string, string>;
  cluster?: string;
  log: SandboxesOptions["log"];
}

function commonOptions(settings: SandboxSettings, { cluster, log }: SandboxesOptions): CommonOptions {
  const egressSecrets = new Map(Object.entries(settings.egressSecrets ?? {}));
  const guestPath = settings.guestPath ?? defaultGuestPath;
  return { guestPath, egressSecrets, log, ...(cluster === undefined ? {} : { cluster }) };
}

/** What settings say about pods. */
export async function podOptions(settings: SandboxSettings): Promise<Omit<KubernetesDriverOptions, "log">> {
  const { sandboxRecipe, sandboxSeccompProfile, guestPath } = settings;
  const recipe = sandboxRecipe === null ? defaultRecipe : await readRecipe(sandboxRecipe);
  return {
    kubeconfig: settings.sandboxKubeconfig,
    namespace: settings.sandboxNamespace,
    repository: settings.sandboxRepository,
    imageHash: recipeHash(recipe),
    guestPath: guestPath ?? defaultGuestPath,
    runtime: settings.sandboxRuntime,
    warmPool: settings.sandboxWarmPool,
    seccompProfile: sandboxSeccompProfile === "unconfined" ? null : sandboxSeccompProfile,
    volumes: settings.sandboxVolumes,
  };
}

/** Sandboxes that no process on this machine shows: a daemon's or a Kubernetes cluster's. */
export async function findRemoteSandboxes(settings: SandboxSettings, cluster: string): Promise<FoundContainer[]> {
  if (settings.sandboxDriver === "container") return await findContainers(settings.sandboxDockerSocket);
  if (settings.sandboxDriver !== "kubernetes") return [];
  const { sandboxKubeconfig: kubeconfig, sandboxNamespace: namespace, sandboxWarmPool: warmPool } = settings;
  return await findPods({ kubeconfig, namespace, warmPool, cluster });
}
