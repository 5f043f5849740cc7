// What a rollout agent reads of how commands are isolated.
import { z } from "zod";
import { WholeNumber, variable } from "./environment-variable.ts";

const objectName = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;

/** `FOLDER=CLAIM`. */
export const SandboxVolume = z
  .string()
  .regex(/^\/[^=,]*=[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/, "expected FOLDER=CLAIM with an absolute folder");

function volumesOf(text: string, context: z.RefinementCtx): ReadonlyMap<string, string> {
  const entries = text.split(",").map((entry) => entry.trim());
  const volumes = new Map<string, string>();
  for (const entry of entries.filter((each) => each !== "")) {
    if (!SandboxVolume.safeParse(entry).success) context.addIssue(`"${entry}" is no FOLDER=CLAIM`);
    const [folder = "", claim = ""] = entry.split("=");
    volumes.set(folder, claim);
  }
  return volumes;
}

/** What isolates the commands of a rollout agent. */
export const sandboxVariables = {
  sandboxDriver: variable(
    "HINDCAST_SANDBOX_DRIVER",
    z.enum(["bubblewrap", "container", "vm", "kubernetes"]).default("bubblewrap"),
    "What isolates commands: bubblewrap, container (Docker API), vm (QEMU) or kubernetes (pods).",
  ),
  sandboxRecipe: variable(
    "HINDCAST_SANDBOX_RECIPE",
    z.string().min(1).nullable().default(null),
    "JSON file that describes the image of sandboxes; unset: this machine's own system in bubblewrap, a small Debian elsewhere.",
  ),
  sandboxImageFolder: variable(
    "HINDCAST_SANDBOX_IMAGE_FOLDER",
    z.string().min(1).nullable().default(null),
    "Folder of built images; /var/cache/hindcast (root) or ~/.cache/hindcast/images when unset.",
  ),
  sandboxRuntime: variable(
    "HINDCAST_SANDBOX_RUNTIME",
    z.string().min(1).nullable().default(null),
    "Runtime of containers, as the daemon names it: runc, runsc (gVisor), kata; of pods a RuntimeClass; unset: the default.",
  ),
  sandboxDockerSocket: variable(
    "HINDCAST_SANDBOX_DOCKER_SOCKET",
    z.string().min(1).default("/var/run/docker.sock"),
    "Socket of the daemon that runs containers.",
  ),
  sandboxKubeconfig: variable(
    "HINDCAST_SANDBOX_KUBECONFIG",
    z.string().min(1).nullable().default(null),
    "How the cluster of pods is reached; unset: the account of the agent's own pod, or what kubectl takes.",
  ),
  sandboxNamespace: variable(
    "HINDCAST_SANDBOX_NAMESPACE",
    z.string().regex(objectName, "expected a namespace's name").default("hindcast-sandboxes"),
    "Namespace of pods.",
  ),
  sandboxRepository: variable(
    "HINDCAST_SANDBOX_REPOSITORY",
    z.string().min(1).default("hindcast/sandbox"),
    "Repository of pods' images, which `hindcast image pack` makes.",
  ),
  sandboxWarmPool: variable(
    "HINDCAST_SANDBOX_WARM_POOL",
    z.string().regex(objectName, "expected a SandboxWarmPool's name").nullable().default(null),
    "SandboxWarmPool (kubernetes-sigs/agent-sandbox) that pods are claimed from; unset: pods are made.",
  ),
  sandboxSeccompProfile: variable(
    "HINDCAST_SANDBOX_SECCOMP_PROFILE",
    z.string().min(1).default("hindcast/sandbox.json"),
    "System call filter of pods, a file in the folder of profiles of each node; unconfined: none.",
  ),
  sandboxVolumes: variable(
    "HINDCAST_SANDBOX_VOLUMES",
    z.string().default("").transform(volumesOf),
    "Folders of the agent that pods see, and the claims that hold them: FOLDER=CLAIM, separated by commas.",
  ),
  sandboxWarm: variable(
    "HINDCAST_SANDBOX_WARM",
    WholeNumber.pipe(z.int().max(64)).default(0),
    "Sandboxes kept open ahead of their episodes; worth it for containers and virtual machines.",
  ),
} as const;
