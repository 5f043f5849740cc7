// Sandboxes as containers, through the Docker API. Images are imported from the image cache and never pulled.
import { existsSync, realpathSync } from "node:fs";
import { basename } from "node:path";
import { HindcastError, messageOf } from "@hindcast/shared";
import { Complaint, type GuestDriver, type GuestTransport, type GuestWorld } from "../guest-transport.ts";
import { GuestProvider } from "../guest-provider.ts";
import { sandboxEnvironment, sandboxFiles } from "../sandbox-world.ts";
import type { ImageRef, SandboxOptions, SandboxProvider } from "../sandbox.ts";
import { importImage } from "./container-images.ts";
import { containerName, containerSettings, nameLabel } from "./container-settings.ts";
import { DockerEngine, type EngineAnswer } from "./docker-engine.ts";
import { StandardStreams } from "./standard-streams.ts";

const noTraits: EngineTraits = { hasAppArmor: false, isUserSpaceKernel: false };
const defaultSocket = "/var/run/docker.sock";
/** How the daemon comes to know the runtimes that sandboxes are for. */
const remedies = [
  {
    pattern: /kata/,
    text:
      'install Kata Containers on its machine, which needs /dev/kvm, and add {"runtimes": {"kata": {"runtimeType": ' +
      '"io.containerd.kata.v2"}}} to daemon.json',
  },
  {
    pattern: /runsc|gvisor/i,
    text:
      'install gVisor of 2024 or later on its machine and add {"runtimes": {"runsc": {"path": "/usr/bin/runsc", ' +
      '"runtimeArgs": ["--network=none"]}}} to daemon.json',
  },
];

export interface ContainerDriverOptions {
  /** Of the daemon. @default "/var/run/docker.sock" */
  socketPath?: string;
  guestPath: string;
  /** A runtime that the daemon knows: runc, runsc (gVisor), kata. @default the daemon's own */
  runtime?: string | null;
  /** For sandboxes that ask for none. */
  image: ImageRef & { kind: "root" };
  /** Of the image cache that images come from. @default "": no cache evicts what is imported */
  imageFolder?: string;
  /** After an import: the cache may now exceed its budget. */
  onImported?: () => Promise<void>;
  /** Whose sandboxes they are (`clusterOf`). @default nobody's */
  cluster?: string;
  /** See `GuestProviderOptions`. */
  egressSecrets?: ReadonlyMap<string, string>;
  log: { debug: (fields: object, message: string) => void };
}

export function createContainers(options: ContainerDriverOptions): SandboxProvider {
  const { cluster, egressSecrets, log } = options;
  return new GuestProvider({ driver: new ContainerDriver(options), cluster, egressSecrets, log });
}

/** What keeps this machine from running containers, with the remedy; starts nothing. */
export function containersMissing(options: Omit<ContainerDriverOptions, "image" | "log">): Promise<string[]> {
  return missing(options, new DockerEngine(options.socketPath ?? defaultSocket)).then(({ problems }) => problems);
}

interface EngineInfo {
  Runtimes?: Record<string, { path?: string }>;
  DefaultRuntime?: string;
  SecurityOptions?: string[];
}

interface EngineTraits {
  hasAppArmor: boolean;
  isUserSpaceKernel: boolean;
}

class ContainerDriver implements GuestDriver {
  readonly name: string;
  readonly #options: ContainerDriverOptions;
  readonly #engine: DockerEngine;
  readonly #imports = new Map<string, Promise<string>>();
  #traits: EngineTraits | null = null;

  constructor(options: ContainerDriverOptions) {
    this.#options = options;
    const { runtime = null } = options;
    this.name = runtime === null || runtime === "runc" ? "container" : `container/${runtime}`;
    this.#engine = new DockerEngine(options.socketPath ?? defaultSocket);
  }

  /** The daemon is asked until it is well; one that goes away later is told by the start that fails. */
  async missing(): Promise<string[]> {
    if (this.#traits !== null) return [];
    const { problems, traits } = await missing(this.#options, this.#engine);
    this.#traits = traits;
    return problems;
  }

  async start(options: SandboxOptions, signal: AbortSignal): Promise<GuestTransport> {
    const { guestPath, runtime = null } = this.#options;
    const { id: name, limits: sandboxLimits, image = this.#options.image, mounts = [] } = options;
    const settings = async (): Promise<object> =>
      containerSettings({
        name,
        image: await this.#imported(image, signal),
        guestPath: realpathSync(guestPath),
        limits: sandboxLimits,
        mounts,
        runtime,
        ...(this.#traits ?? noTraits),
      });
    const container = containerName(name);
    if (!(await this.#create(container, await settings(), signal))) {
      // Somebody removed the image from the daemon since we imported it.
      if (image.kind === "root") this.#imports.delete(image.hash);
      if (!(await this.#create(container, await settings(), signal))) {
        throw new Error(
          "the daemon has no image right after it was imported: does something remove images all the time?",
        );
      }
    }
    try {
      return await this.#attach(container, signal);
    } catch (error) {
      await this.#remove(container);
      throw error;
    }
  }

  world(): GuestWorld {
    return { environment: sandboxEnvironment(null), files: sandboxFiles };
  }

  explain(complaint: string): string {
    if (/entering the container: Operation not permitted/.test(complaint)) {
      return (
        `The container may not make a user namespace (${complaint.trim()}): allow them on the host with ` +
        `"sysctl kernel.unprivileged_userns_clone=1 user.max_user_namespaces=10000" (whichever exists).`
      );
    }
    return `A container could not be opened: ${complaint.trim()}`;
  }

  /** A name in use is what a dead process of ours has left. False: the daemon has no such image. */
  async #create(name: string, settings: object, signal: AbortSignal): Promise<boolean> {
    const path = `/containers/create?name=${name}`;
    const create = (allowed: number[]): Promise<EngineAnswer> =>
      this.#engine.call("POST", path, { body: settings, allowed, signal });
    const first = await create([404, 409]);
    if (first.status !== 409) return first.status !== 404;
    await this.#remove(name);
    return (await create([404])).status !== 404;
  }

  async #attach(container: string, signal: AbortSignal): Promise<GuestTransport> {
    const complaint = new Complaint();
    const socket = await this.#engine.attach(container, signal);
    socket.on("error", (error) => complaint.add(Buffer.from(`${error.message}\n`)));
    const removed = this.#engine.call("POST", `/containers/${container}/wait?condition=removed`, { timeoutMs: null });
    const ended = removed.then(
      ({ body }) => `the container ended: ${body.trim()}`,
      (error: unknown) => messageOf(error),
    );
    const output = socket.pipe(new StandardStreams((chunk) => complaint.add(chunk)));
    await this.#engine.call("POST", `/containers/${container}/start`, { signal });
    const kill = (): void => void this.#remove(container);
    return { input: socket, output, ended, complaint: () => complaint.text, kill };
  }

  async #remove(container: string): Promise<void> {
    // 409: it is being removed already.
    await this.#engine
      .call("DELETE", `/containers/${container}?force=true&v=true`, { allowed: [404, 409] })
      .catch((error: unknown) => {
        const fields = { event: "sandbox.not-removed", container, err: error };
        this.#options.log.debug(fields, messageOf(error));
      });
  }

  #imported(image: ImageRef, signal: AbortSignal): Promise<string> {
    if (image.kind === "host") {
      throw new HindcastError({
        code: "SANDBOX_UNAVAILABLE",
        boundary: "sandbox",
        message: "a container cannot show the host's own system: give it an image (hindcast image build)",
      });
    }
    let importing = this.#imports.get(image.hash);
    if (importing === undefined) {
      importing = this.#import(image, signal).catch((error: unknown) => {
        this.#imports.delete(image.hash);
        throw error;
      });
      this.#imports.set(image.hash, importing);
    }
    return importing;
  }

  async #import(image: ImageRef & { kind: "root" }, signal: AbortSignal): Promise<string> {
    const { imageFolder = "", onImported, log } = this.#options;
    const reference = await importImage(this.#engine, image, { folder: imageFolder, signal });
    await onImported?.().catch((error: unknown) => {
      log.debug({ event: "image.not-evicted", err: error }, messageOf(error));
    });
    return reference;
  }
}

async function missing(
  { guestPath, runtime = null }: Pick<ContainerDriverOptions, "guestPath" | "runtime">,
  engine: DockerEngine,
): Promise<{ problems: string[]; traits: EngineTraits | null }> {
  const lacking = (problem: string): { problems: string[]; traits: null } => ({ problems: [problem], traits: null });
  const { socketPath } = engine;
  if (!existsSync(guestPath)) {
    return lacking(`${guestPath} is missing: run "cargo build --release" in rollout-agent/guest.`);
  }
  if (!existsSync(socketPath)) {
    return lacking(`${socketPath} is missing: install and start Docker (Debian: apt-get install docker.io).`);
  }
  try {
    const info = await engine.get<EngineInfo>("/info");
    if (runtime !== null && info.Runtimes?.[runtime] === undefined) {
      const known = Object.keys(info.Runtimes ?? {}).join(", ");
      const remedy = remedies.find(({ pattern }) => pattern.test(runtime))?.text ?? "add it to daemon.json";
      return lacking(`Docker at ${socketPath} knows no runtime "${runtime}" (it has: ${known}): ${remedy}.`);
    }
    const hasAppArmor = info.SecurityOptions?.some((each) => each.includes("apparmor")) ?? false;
    return { problems: [], traits: { hasAppArmor, isUserSpaceKernel: isUserSpaceKernel(info, runtime) } };
  } catch (error) {
    return lacking(`Docker does not answer: ${messageOf(error)}`);
  }
}

/** By the program behind the runtime's name, which anybody may choose. */
function isUserSpaceKernel({ Runtimes = {}, DefaultRuntime = "" }: EngineInfo, runtime: string | null): boolean {
  const { path } = Runtimes[runtime ?? DefaultRuntime] ?? {};
  return path !== undefined && /^runsc\b/.test(basename(path));
}

export interface FoundContainer {
  /** The sandbox's name with its cluster. */
  name: string;
  end: () => Promise<void>;
}

/** Every sandbox that the daemon has, whoever started it: for the reaper. */
export async function findContainers(socketPath: string): Promise<FoundContainer[]> {
  if (!existsSync(socketPath)) return [];
  const engine = new DockerEngine(socketPath);
  const filters = encodeURIComponent(JSON.stringify({ label: [nameLabel] }));
  const found = await engine.get<{ Id: string; Labels: Record<string, string> }[]>(
    `/containers/json?all=true&filters=${filters}`,
  );
  return found.map(({ Id, Labels }) => ({
    name: Labels[nameLabel] ?? "",
    end: async () => {
      await engine.call("DELETE", `/containers/${Id}?force=true&v=true`, { allowed: [404, 409] });
    },
  }));
}
