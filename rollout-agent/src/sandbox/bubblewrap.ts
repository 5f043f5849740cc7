// Sandboxes made by bubblewrap: one process namespace, mount namespace and network namespace per episode, with
// `hindcast-guest` as its first process. A sandbox lives exactly as long as that process, which dies with ours, so
// there is nothing on disk to clean up and nothing to find after a crash.
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { release } from "node:os";
import type { Writable } from "node:stream";
import { fileURLToPath } from "node:url";
import { messageOf } from "@hindcast/shared";
import { type ControlGroup, type ControlGroups, ownControlGroups } from "./control-groups.ts";
import { GuestProvider } from "./guest-provider.ts";
import { type GuestDriver, type GuestTransport, type GuestWorld, processTransport } from "./guest-transport.ts";
import { nextHostUser } from "./host-users.ts";
import type { ImageRef, SandboxOptions, SandboxProvider } from "./sandbox.ts";
import {
  argumentsForUserSpaceKernel,
  bubblewrapArguments,
  networkOfUserSpaceKernel,
  sandboxEnvironment,
  sandboxFiles,
} from "./sandbox-world.ts";

const target = `${process.arch === "arm64" ? "aarch64" : "x86_64"}-unknown-linux-gnu`;

/** Where `cargo build --release` in rollout-agent/guest puts the guest; the same from sources and from dist. */
export const defaultGuestPath: string = fileURLToPath(
  new URL(`../../guest/target/${target}/release/hindcast-guest`, import.meta.url),
);

/** A program that waits until it is in its group, and then becomes the one that it is given. */
const waitForGroup = ["/bin/sh", "-c", 'read -r _ <&4; exec 4<&-; exec "$@"', "sh"];

export interface BubblewrapOptions {
  /** The built `hindcast-guest`. */
  guestPath: string;
  /** @default "/usr/bin/bwrap" */
  bwrapPath?: string;
  /** Node's own installation folder where it is outside /usr, see `findNodePrefix`; bound read-only as /opt/node. */
  nodePrefix?: string | null;
  /** Whether the kernel is gVisor's. @default its release says so; what does not is too old to have sandboxes of ours (ADR 87) */
  isUserSpaceKernel?: boolean;
  /** For sandboxes that ask for none. @default the host's own system */
  image?: ImageRef;
  /** @default those that this process may make (`ownControlGroups`) */
  controlGroups?: ControlGroups | null;
  /** Whose sandboxes they are (`clusterOf`), as the command lines of their processes say. @default nobody's */
  cluster?: string;
  /** See `GuestProviderOptions`. */
  egressSecrets?: ReadonlyMap<string, string>;
  log: { debug: (fields: object, message: string) => void };
}

export function createBubblewrap(options: BubblewrapOptions): SandboxProvider {
  const { cluster, egressSecrets, log } = options;
  return new GuestProvider({ driver: new BubblewrapDriver(options), cluster, egressSecrets, log });
}

class BubblewrapDriver implements GuestDriver {
  readonly name = "bubblewrap";
  readonly losesPackets: boolean;
  readonly #options: BubblewrapOptions;
  readonly #bwrapPath: string;
  readonly #isUserSpaceKernel: boolean;
  #groups: Promise<ControlGroups | null> | null = null;

  constructor(options: BubblewrapOptions) {
    this.#options = options;
    this.#bwrapPath = options.bwrapPath ?? "/usr/bin/bwrap";
    this.#isUserSpaceKernel = options.isUserSpaceKernel ?? release().endsWith("-gvisor");
    this.losesPackets = !this.#isUserSpaceKernel;
  }

  missing(): Promise<string[]> {
    const { guestPath } = this.#options;
    const problems: string[] = [];
    if (process.platform !== "linux") problems.push(`Sandboxes need Linux; this is ${process.platform}.`);
    if (!existsSync(this.#bwrapPath)) {
      problems.push(`${this.#bwrapPath} is missing: install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap).`);
    }
    if (!existsSync(guestPath)) {
      problems.push(`${guestPath} is missing: run "cargo build --release" in rollout-agent/guest.`);
    }
    return Promise.resolve(problems);
  }

  async start(options: SandboxOptions): Promise<GuestTransport> {
    const { guestPath } = this.#options;
    const group = await this.#group(options);
    // Opened anew for each sandbox: bubblewrap reads from the descriptor's position.
    const guest = openSync(guestPath, "r");
    try {
      const started = this.#program(options);
      const [program = "", ...args] = group === null ? started : [...waitForGroup, ...started];
      const child = spawn(program, args, {
        stdio: ["pipe", "pipe", "pipe", guest, ...(group === null ? [] : ["pipe" as const])],
        cwd: "/",
        env: {},
        ...(process.getuid?.() === 0 ? ownUser() : {}),
      });
      const transport = processTransport(child);
      if (group !== null) await this.#enter(group, child, transport);
      return transport;
    } finally {
      closeSync(guest);
    }
  }

  #program(options: SandboxOptions): string[] {
    const { guestPath, nodePrefix = null, image = { kind: "host" } } = this.#options;
    const world = { image, ...options };
    if (!this.#isUserSpaceKernel) return [this.#bwrapPath, ...bubblewrapArguments(world, nodePrefix)];
    const args = argumentsForUserSpaceKernel(world, nodePrefix, guestPath);
    return [...networkOfUserSpaceKernel, this.#bwrapPath, ...args];
  }

  /** Null where there are none; a group that cannot be made is no reason to open nothing. */
  async #group({ id, limits }: SandboxOptions): Promise<ControlGroup | null> {
    const { controlGroups, log } = this.#options;
    this.#groups ??= controlGroups === undefined ? ownControlGroups() : Promise.resolve(controlGroups);
    const groups = await this.#groups;
    try {
      return (await groups?.make(id, limits)) ?? null;
    } catch (error) {
      log.debug({ event: "sandbox.no-group", sandboxId: id, err: error }, messageOf(error));
      return null;
    }
  }

  /** Lets the child go on once it is in its group; or without, if it cannot be there or has ended meanwhile. */
  async #enter(group: ControlGroup, child: ChildProcess, transport: GuestTransport): Promise<void> {
    const { log } = this.#options;
    void transport.ended.then(group.remove);
    try {
      if (child.pid !== undefined) await group.add(child.pid);
    } catch (error) {
      log.debug({ event: "sandbox.no-group", pid: child.pid, err: error }, messageOf(error));
    }
    // A child that is gone says why by itself.
    (child.stdio[4] as Writable).on("error", () => undefined).end("\n");
  }

  world(): GuestWorld {
    return { environment: sandboxEnvironment(this.#options.nodePrefix ?? null), files: sandboxFiles };
  }

  explain(complaint: string): string {
    if (/user namespace|uid map|No permissions to create|Creating new namespace failed/i.test(complaint)) {
      return (
        `User namespaces are forbidden on this machine (${complaint.trim()}): allow them with ` +
        `"sysctl kernel.unprivileged_userns_clone=1 kernel.apparmor_restrict_unprivileged_userns=0" (whichever exists), ` +
        `or give the container the privilege to create them.`
      );
    }
    return `A sandbox could not be opened: ${complaint.trim()}`;
  }
}

function ownUser(): { uid: number; gid: number } {
  const user = nextHostUser();
  return { uid: user, gid: user };
}
