// Sandboxes made by bubblewrap: one process namespace, mount namespace and network namespace per episode, with
// `hindcast-guest` as its first process. A sandbox lives exactly as long as that process, which dies with ours, so
// there is nothing on disk to clean up and nothing to find after a crash.
import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { HindcastError, messageOf } from "@hindcast/shared";
import { BubblewrapSandbox } from "./bubblewrap-sandbox.ts";
import { GuestChannel } from "./guest-channel.ts";
import { DoneReply } from "./guest-protocol.ts";
import { nameInCluster } from "./sandbox-name.ts";
import type { Sandbox, SandboxLimits, SandboxOptions, SandboxProvider } from "./sandbox.ts";
import { bubblewrapArguments, sandboxEnvironment, sandboxFiles } from "./sandbox-world.ts";

/** Where `cargo build --release` in rollout-agent/guest puts the guest; the same from sources and from dist. */
export const defaultGuestPath: string = fileURLToPath(
  new URL("../../guest/target/release/hindcast-guest", import.meta.url),
);

const openTimeoutMs = 20_000;
/** Names in one sandbox: bounds the kernel memory of empty files and the time of `state`. */
const filesMax = 100_000;
/**
 * The host user of every sandbox when we are root: `nobody`. The process limit does not bind the host's root, and a
 * hole in the kernel should not end there.
 */
const nobody = 65_534;

const probeLimits: SandboxLimits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 20, processesMax: 16 };

export interface BubblewrapOptions {
  /** The built `hindcast-guest`. */
  guestPath: string;
  /** @default "/usr/bin/bwrap" */
  bwrapPath?: string;
  /** Node's own installation folder where it is outside /usr, see `findNodePrefix`; bound read-only as /opt/node. */
  nodePrefix?: string | null;
  /** Whose sandboxes they are (`clusterOf`), as the command lines of their processes say. @default nobody's */
  cluster?: string;
  log: { debug: (fields: object, message: string) => void };
}

export function createBubblewrap(options: BubblewrapOptions): SandboxProvider {
  return new BubblewrapProvider(options);
}

class BubblewrapProvider implements SandboxProvider {
  readonly name = "bubblewrap";
  readonly #options: BubblewrapOptions;
  readonly #bwrapPath: string;
  readonly #open = new Map<string, Sandbox>();

  constructor(options: BubblewrapOptions) {
    this.#options = options;
    this.#bwrapPath = options.bwrapPath ?? "/usr/bin/bwrap";
  }

  async problems(): Promise<string[]> {
    const missing = this.#missing();
    if (missing.length > 0) return missing;
    try {
      await using sandbox = await this.#start({ id: "probe", limits: probeLimits }, new AbortController().signal);
      await sandbox.state(new AbortController().signal);
      return [];
    } catch (error) {
      return [explain(messageOf(error))];
    }
  }

  async open(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox> {
    const missing = this.#missing();
    if (missing.length > 0) throw unavailable(missing.join(" "));
    await this.#open.get(options.id)?.close();
    const startedAt = performance.now();
    const sandbox = await this.#start(options, signal);
    this.#open.set(options.id, sandbox);
    const durationMs = performance.now() - startedAt;
    this.#options.log.debug({ event: "sandbox.opened", sandboxId: options.id, durationMs }, "sandbox opened");
    return sandbox;
  }

  #missing(): string[] {
    const { guestPath } = this.#options;
    const problems: string[] = [];
    if (process.platform !== "linux") problems.push(`Sandboxes need Linux; this is ${process.platform}.`);
    if (!existsSync(this.#bwrapPath)) {
      problems.push(`${this.#bwrapPath} is missing: install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap).`);
    }
    if (!existsSync(guestPath)) {
      problems.push(`${guestPath} is missing: run "cargo build --release" in rollout-agent/guest.`);
    }
    return problems;
  }

  async #start(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { id, limits } = options;
    const { nodePrefix = null, cluster } = this.#options;
    const channel = new GuestChannel({
      bwrapPath: this.#bwrapPath,
      bwrapArguments: bubblewrapArguments(
        cluster === undefined ? id : nameInCluster(id, cluster),
        nodePrefix,
        options.links,
      ),
      guestPath: this.#options.guestPath,
      userId: process.getuid?.() === 0 ? nobody : null,
    });
    const sandbox = new BubblewrapSandbox(id, channel, () => {
      if (this.#open.get(id) === sandbox) this.#open.delete(id);
    });
    try {
      const environment = sandboxEnvironment(nodePrefix);
      const request = { op: "init", limits: { ...limits, filesMax }, environment, files: sandboxFiles } as const;
      await channel.call({ request, reply: DoneReply, timeoutMs: openTimeoutMs, signal });
      return sandbox;
    } catch (error) {
      await sandbox.close();
      signal.throwIfAborted();
      throw unavailable(explain(`${messageOf(error)} ${channel.complaint}`), error);
    }
  }
}

/** A sentence with the remedy for what bubblewrap and the guest say where a machine forbids sandboxes. */
function explain(complaint: string): string {
  if (/user namespace|uid map|No permissions to create|Creating new namespace failed/i.test(complaint)) {
    return (
      `User namespaces are forbidden on this machine (${complaint.trim()}): allow them with ` +
      `"sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0" (whichever exists), ` +
      `or give the container the privilege to create them.`
    );
  }
  return `A sandbox could not be opened: ${complaint.trim()}`;
}

function unavailable(message: string, cause?: unknown): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message, cause });
}
