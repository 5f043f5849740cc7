// Opens sandboxes with any driver: starts a guest, builds its world, and remembers which ids are open.
import { hostname } from "node:os";
import type { Duplex } from "node:stream";
import { HindcastError, messageOf } from "@hindcast/shared";
import { deriveId } from "@hindcast/shared/node";
import { egressEnvironment, egressPort } from "../egress/egress-environment.ts";
import { EgressProxy } from "../egress/egress-proxy.ts";
import { GuestChannel } from "./guest-channel.ts";
import { DoneReply } from "./guest-protocol.ts";
import { GuestSandbox } from "./guest-sandbox.ts";
import type { GuestDriver } from "./guest-transport.ts";
import { nameInCluster } from "./sandbox-name.ts";
import type { Sandbox, SandboxLimits, SandboxOptions, SandboxProvider } from "./sandbox.ts";

const openTimeoutMs = 20_000;
/** Names in one sandbox: bounds the kernel memory of empty files and the time of `state`. */
const filesMax = 100_000;

const probeLimits: SandboxLimits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 20, processesMax: 16 };

export interface GuestProviderOptions {
  driver: GuestDriver;
  /** Whose sandboxes they are (`clusterOf`). @default nobody's */
  cluster?: string | undefined;
  /** By the names that egress rules use; they never enter a sandbox. @default none */
  egressSecrets?: ReadonlyMap<string, string> | undefined;
  log: { debug: (fields: object, message: string) => void };
}

export class GuestProvider implements SandboxProvider {
  readonly name: string;
  readonly #options: GuestProviderOptions;
  readonly #driver: GuestDriver;
  readonly #open = new Map<string, Sandbox>();

  constructor(options: GuestProviderOptions) {
    this.#options = options;
    this.#driver = options.driver;
    this.name = options.driver.name;
  }

  async problems(): Promise<string[]> {
    const missing = await this.#driver.missing();
    if (missing.length > 0) return missing;
    const never = new AbortController().signal;
    try {
      // In pods every agent has the same process id.
      const id = deriveId("probe", hostname(), process.pid);
      await using sandbox = await this.#start({ id, limits: probeLimits }, never);
      await sandbox.state(never);
      return [];
    } catch (error) {
      return [messageOf(error)];
    }
  }

  async open(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox> {
    const missing = await this.#driver.missing();
    if (missing.length > 0) throw unavailable(missing.join(" "));
    await this.#open.get(options.id)?.close();
    const startedAt = performance.now();
    const sandbox = await this.#start(options, signal);
    this.#open.set(options.id, sandbox);
    const durationMs = performance.now() - startedAt;
    this.#options.log.debug({ event: "sandbox.opened", sandboxId: options.id, durationMs }, "sandbox opened");
    return sandbox;
  }

  async #start(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { id } = options;
    const { cluster } = this.#options;
    const name = cluster === undefined ? id : nameInCluster(id, cluster);
    const proxy = this.#proxy(options);
    const channel = await this.#guest({ ...options, id: name }, proxy, signal);
    const sandbox = new GuestSandbox({
      id,
      channel,
      openAnother: (otherId, otherSignal) => this.open({ ...options, id: otherId }, otherSignal),
      onClosed: () => {
        proxy?.close();
        if (this.#open.get(id) === sandbox) this.#open.delete(id);
      },
    });
    try {
      const limits = { filesMax, ...options.limits };
      const world = this.#driver.world(options);
      const way =
        proxy === null
          ? { egressPort: null }
          : { environment: [...world.environment, ...egressEnvironment], egressPort };
      const isNetworkSilent = options.isNetworkSilent === true && this.#driver.losesPackets === true;
      const request = { op: "init", limits, ...world, ...way, isNetworkSilent } as const;
      await channel.call({ request, reply: DoneReply, timeoutMs: openTimeoutMs, signal });
      return sandbox;
    } catch (error) {
      await sandbox.close();
      signal.throwIfAborted();
      throw notOpened(this.#driver.explain(`${messageOf(error)} ${channel.complaint}`), error);
    }
  }

  /** The sandbox's only way out, if it has one. */
  #proxy({ network, egress, onEgress }: SandboxOptions): EgressProxy | null {
    if (network === undefined || network.kind === "none") return null;
    const secrets = this.#options.egressSecrets ?? new Map<string, string>();
    return new EgressProxy({ ...egress, policy: network, secrets, onRecord: (record) => onEgress?.(record) });
  }

  async #guest(options: SandboxOptions, proxy: EgressProxy | null, signal: AbortSignal): Promise<GuestChannel> {
    try {
      const onIncoming = proxy === null ? null : (stream: Duplex) => proxy.accept(stream);
      return new GuestChannel(await this.#driver.start(options, signal), onIncoming);
    } catch (error) {
      signal.throwIfAborted();
      throw notOpened(this.#driver.explain(messageOf(error)), error);
    }
  }
}

function unavailable(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message });
}

/**
 * A driver that refuses in its own words (a mount that it cannot show) refuses again; what else failed (a daemon that
 * restarts, a full machine) may well work at another try.
 */
function notOpened(message: string, cause: unknown): HindcastError {
  const retryable = !(cause instanceof HindcastError) || cause.retryable;
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message, retryable, cause });
}
