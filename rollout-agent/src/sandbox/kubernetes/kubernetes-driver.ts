// Sandboxes as pods: each runs the guest of its image, and its attached streams are the channel. The API server carries
// everything; no pod has an address that anybody needs, a token, or a way out.
import { existsSync } from "node:fs";
import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { GuestProvider } from "../guest-provider.ts";
import { Complaint, type GuestDriver, type GuestTransport, type GuestWorld } from "../guest-transport.ts";
import { sandboxEnvironment, sandboxFiles } from "../sandbox-world.ts";
import type { SandboxLimits, SandboxOptions, SandboxProvider } from "../sandbox.ts";
import { clusterAccess } from "./cluster-access.ts";
import { clusterProblems, type ClusterTraits } from "./cluster-problems.ts";
import { explainRefusal } from "./explain-refusal.ts";
import { KubernetesApi } from "./kubernetes-api.ts";
import { podImage } from "./pod-image.ts";
import { containerName, memoryOf, objectName, podManifest } from "./pod-settings.ts";
import { endOf, isRunning, pendingReason, Pod } from "./pod.ts";
import type { PodStreams } from "./pod-streams.ts";
import { claimedPod, claimManifest, claimsPath } from "./sandbox-claims.ts";
import { untilObject } from "./until-object.ts";

const never = new AbortController().signal;

export interface KubernetesDriverOptions {
  /** A file; null takes the pod's own account, or what kubectl would take here. */
  kubeconfig: string | null;
  namespace: string;
  /** Of images, as `hindcast image pack` names them. */
  repository: string;
  /** Of the recipe of sandboxes that ask for no image. */
  imageHash: string;
  /** The agent's own, which the image has to hold. */
  guestPath: string;
  /** A RuntimeClass. @default the cluster's own */
  runtime?: string | null;
  /** A SandboxWarmPool of agent-sandbox that pods are claimed from. @default pods are made */
  warmPool?: string | null;
  /** A file below the nodes' folder of profiles; null for none, which the namespace has to allow. */
  seccompProfile: string | null;
  /** Folders of this machine, and the claims that show them to pods. @default none */
  volumes?: ReadonlyMap<string, string>;
  /** Whose sandboxes they are (`clusterOf`). @default nobody's */
  cluster?: string;
  /** See `GuestProviderOptions`. */
  egressSecrets?: ReadonlyMap<string, string>;
  log: { debug: (fields: object, message: string) => void };
}

export function createPods(options: KubernetesDriverOptions): SandboxProvider {
  const { cluster, egressSecrets, log } = options;
  return new GuestProvider({ driver: new KubernetesDriver(options), cluster, egressSecrets, log });
}

/** What keeps sandboxes from being opened in the cluster, with the remedy; starts nothing. */
export function podsMissing(options: Omit<KubernetesDriverOptions, "log">): Promise<string[]> {
  return new KubernetesDriver({ ...options, log: { debug: () => undefined } }).missing();
}

/** What was made for one sandbox. */
interface Made {
  /** Of the object whose removal removes all. */
  path: string;
  pod: string;
}

class KubernetesDriver implements GuestDriver {
  readonly name: string;
  readonly #options: KubernetesDriverOptions;
  #api: Promise<KubernetesApi> | null = null;
  #traits: ClusterTraits | null = null;

  constructor(options: KubernetesDriverOptions) {
    this.#options = options;
    const { runtime = null } = options;
    this.name = runtime === null ? "kubernetes" : `kubernetes/${runtime}`;
  }

  /** The cluster is asked until it is well; what it lacks later is told by the start that fails. */
  async missing(): Promise<string[]> {
    if (this.#traits !== null) return [];
    const { guestPath } = this.#options;
    if (!existsSync(guestPath)) {
      return [`${guestPath} is missing: run "cargo build --release" in rollout-agent/guest.`];
    }
    try {
      const { problems, traits } = await clusterProblems(await this.#server(), this.#options);
      if (problems.length === 0) this.#traits = traits;
      return problems;
    } catch (error) {
      return [this.explain(messageOf(error))];
    }
  }

  async start(options: SandboxOptions, signal: AbortSignal): Promise<GuestTransport> {
    const api = await this.#server();
    const image = await this.#imageOf(options);
    const path = await this.#create(api, options, image, signal);
    let made: Made = { path, pod: objectName(options.id) };
    try {
      if (this.#usesPool) {
        const { namespace } = this.#options;
        made = { path, pod: await claimedPod(api, { namespace, claim: objectName(options.id) }, signal) };
      }
      const pod = await this.#untilRunning(api, made.pod, signal);
      if (this.#usesPool) assertFits(pod, image, options.limits);
      return await this.#attach(api, made, signal);
    } catch (error) {
      await this.#remove(api, made);
      throw error;
    }
  }

  world(): GuestWorld {
    return { environment: sandboxEnvironment(null), files: sandboxFiles };
  }

  explain(complaint: string): string {
    return explainRefusal(complaint.trim(), this.#options);
  }

  get #usesPool(): boolean {
    return (this.#options.warmPool ?? null) !== null;
  }

  get #pods(): string {
    return `/api/v1/namespaces/${this.#options.namespace}/pods`;
  }

  #server(): Promise<KubernetesApi> {
    this.#api ??= clusterAccess(this.#options.kubeconfig).then(
      (access) => new KubernetesApi(access),
      (error: unknown) => {
        // The file may be there, or right, the next time.
        this.#api = null;
        throw error;
      },
    );
    return this.#api;
  }

  async #imageOf({ image }: SandboxOptions): Promise<string> {
    const { repository, imageHash, guestPath } = this.#options;
    if (image?.kind !== "host") return await podImage(repository, image?.hash ?? imageHash, guestPath);
    throw unavailable("a pod cannot show the host's own system: give it an image (hindcast image pack)");
  }

  /** A name in use is what a dead process of ours has left. @returns the path of what was made */
  async #create(api: KubernetesApi, options: SandboxOptions, image: string, signal: AbortSignal): Promise<string> {
    const { namespace, warmPool = null, runtime = null, seccompProfile, volumes = new Map() } = this.#options;
    const { id, limits: sandboxLimits, mounts = [] } = options;
    if (warmPool !== null && mounts.length > 0) {
      throw unavailable(
        "a pod of a warm pool takes no mounts: put them into the image, or leave sandbox.warmPool unset",
      );
    }
    const collection = warmPool === null ? this.#pods : claimsPath(namespace);
    const body =
      warmPool === null
        ? podManifest(id, {
            image,
            limits: sandboxLimits,
            mounts,
            volumes,
            runtime,
            isUserSpaceKernel: this.#traits?.isUserSpaceKernel ?? false,
            seccompProfile,
          })
        : claimManifest(id, { pool: warmPool, nowMs: Date.now() });
    const path = `${collection}/${objectName(id)}`;
    // Whoever dies between asking and hearing has left one, too.
    const first = await api.call("POST", `${collection}?fieldValidation=Strict`, { body, allowed: [409], signal });
    if (first.status === 409) {
      await this.#remove(api, { path, pod: objectName(id) });
      await api.call("POST", `${collection}?fieldValidation=Strict`, { body, signal });
    }
    return path;
  }

  async #untilRunning(api: KubernetesApi, name: string, signal: AbortSignal): Promise<Pod> {
    let last: Pod | null = null;
    return await untilObject(
      api,
      {
        collection: this.#pods,
        name,
        schema: Pod,
        judge: (pod) => {
          last = pod;
          return isRunning(pod) && pod !== null ? pod : undefined;
        },
        timeoutMs: limits.podStartMs,
        explain: () => pendingReason(last),
      },
      signal,
    );
  }

  async #attach(api: KubernetesApi, made: Made, signal: AbortSignal): Promise<GuestTransport> {
    const complaint = new Complaint();
    const query = `container=${containerName}&stdin=true&stdout=true&stderr=true`;
    const path = `${this.#pods}/${made.pod}/attach?${query}`;
    const streams = await this.#attached(api, path, complaint, signal);
    const ended = streams.gone.then(() => this.#remove(api, made));
    return { input: streams, output: streams, ended, complaint: () => complaint.text, kill: () => streams.destroy() };
  }

  /** A node may hear of a pod's container a moment after the API server. */
  async #attached(api: KubernetesApi, path: string, complaint: Complaint, signal: AbortSignal): Promise<PodStreams> {
    for (let tries = 1; ; tries++) {
      try {
        return await api.attach(path, (chunk) => complaint.add(chunk), signal);
      } catch (error) {
        signal.throwIfAborted();
        if (tries >= limits.podAttachTriesMax || !/: (404|500) /.test(messageOf(error))) throw error;
        await delay(limits.podAttachPauseMs, undefined, { signal });
      }
    }
  }

  /** @returns how the pod ended, once its processes are gone; never rejects */
  async #remove(api: KubernetesApi, { path, pod }: Made): Promise<string> {
    let how = "the pod was removed";
    const grace = this.#usesPool ? "" : "&gracePeriodSeconds=1";
    try {
      await api.call("DELETE", `${path}?propagationPolicy=Background${grace}`, { allowed: [404, 409] });
      await untilObject(
        api,
        {
          collection: this.#pods,
          name: pod,
          schema: Pod,
          judge: (found) => {
            if (found === null) return true;
            how = endOf(found) ?? how;
            return undefined;
          },
          timeoutMs: limits.podEndMs,
          explain: () => "it is still there",
        },
        never,
      );
    } catch (error) {
      // The reaper's then, or the cluster's.
      how = `${how}, or may be there still: ${messageOf(error)}`;
      this.#options.log.debug({ event: "sandbox.not-removed", pod, err: error }, messageOf(error));
    }
    return how;
  }
}

/** A pool is somebody's manifest: it may be of another image, or smaller than this episode may be. */
function assertFits({ metadata, spec }: Pod, image: string, wanted: SandboxLimits): void {
  const container = spec.containers.find(({ name }) => name === containerName);
  if (container === undefined) throw unavailable(`the pod ${metadata.name} has no container "${containerName}"`);
  if (container.image !== image) {
    throw unavailable(`the warm pool's image is ${container.image}, not ${image}: change its SandboxTemplate`);
  }
  const memory = bytesOf(container.resources.limits["memory"] ?? "0");
  if (memory < memoryOf(wanted)) {
    throw unavailable(
      `the warm pool's pods have ${memory} bytes of memory, not ${memoryOf(wanted)}: change its template`,
    );
  }
}

const units: Readonly<Record<string, number>> = {
  "": 1,
  k: 1e3,
  M: 1e6,
  G: 1e9,
  Ki: 2 ** 10,
  Mi: 2 ** 20,
  Gi: 2 ** 30,
};

function bytesOf(quantity: string): number {
  const [, amount = "0", unit = ""] = /^(\d+)(\w*)$/.exec(quantity) ?? [];
  return Number(amount) * (units[unit] ?? 0);
}

function unavailable(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message });
}
