// The cluster's nats-server: started here, its users' passwords written where the processes read them, started again on
// the same ports when it dies.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import type { WorkerId } from "@hindcast/shared";
import { localLimits } from "./local-limits.ts";
import { findNatsServer, type NatsBinaryOptions } from "./nats-binary.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { identityOf, isAlive, type ProcessIdentity } from "./process-identity.ts";

/** What agents work on where nothing else is said. */
export const pool = "shell";

/** Worker ids are fixed for the life of a cluster, because each is a NATS user of its own. */
export function workerIds(agents: number): WorkerId[] {
  return Array.from({ length: agents }, (_, i) => `w-${i + 1}` as WorkerId);
}

export interface BrokerOptions {
  directory: string;
  credentialsDirectory: string;
  agents: number;
  /** What its agents work on. @default "shell" */
  pool?: string;
  natsBinary: NatsBinaryOptions;
}

export class Broker {
  readonly #server: NatsServer;
  readonly #stopping = new AbortController();
  readonly #watch: Promise<void>;
  restarts = 0;

  private constructor(server: NatsServer, onRestart: () => void) {
    this.#server = server;
    this.#watch = this.#keepAlive(onRestart);
  }

  /** @throws CONFIG_INVALID when there is no nats-server, BUS_UNAVAILABLE when it does not come up */
  static async start(options: BrokerOptions, onRestart: () => void): Promise<Broker> {
    const workers = workerIds(options.agents);
    const binary = await findNatsServer(options.natsBinary);
    const server = await startNatsServer({
      binary,
      directory: options.directory,
      workers,
      pools: [options.pool ?? pool],
    });
    rmSync(options.credentialsDirectory, { recursive: true, force: true });
    mkdirSync(options.credentialsDirectory, { recursive: true, mode: 0o700 });
    for (const user of ["coordinator", "index-core", "client", ...workers] as const) {
      writeFileSync(join(options.credentialsDirectory, user), server.credentials(user).password, { mode: 0o600 });
    }
    return new Broker(server, onRestart);
  }

  get url(): string {
    return this.#server.url;
  }

  get pid(): number {
    return this.#server.pid;
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#watch;
    await this.#server.stop();
  }

  async #keepAlive(onRestart: () => void): Promise<void> {
    let identity = identityOf(this.#server.pid);
    while (!this.#stopping.signal.aborted) {
      await pause(localLimits.brokerPollMs);
      if (this.#stopping.signal.aborted || (identity !== null && isAlive(identity))) continue;
      identity = await this.#restart();
      onRestart();
    }
  }

  /** Null when it does not come up now: it is tried again at the next look. */
  async #restart(): Promise<ProcessIdentity | null> {
    this.restarts += 1;
    try {
      await this.#server.restart();
      return identityOf(this.#server.pid);
    } catch {
      return null;
    }
  }
}
