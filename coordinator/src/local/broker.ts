// The cluster's nats-server: started here, its users' passwords written where the processes read them, started again on
// the same ports when it dies.
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { messageOf, type WorkerId } from "@hindcast/shared";
import { localLimits } from "./local-limits.ts";
import { findNatsServer, type NatsBinaryOptions } from "./nats-binary.ts";
import { type NatsServer, startNatsServer } from "./nats-server.ts";
import { identityOf, isAlive } from "./process-identity.ts";

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

/** Told why the server had to be started again and, where it did not come up, when that is tried once more. */
type OnRestart = (detail: string, delayMs: number) => void;

export class Broker {
  readonly #server: NatsServer;
  readonly #stopping = new AbortController();
  readonly #watch: Promise<void>;
  restarts = 0;

  private constructor(server: NatsServer, onRestart: OnRestart) {
    this.#server = server;
    this.#watch = this.#keepAlive(onRestart);
  }

  /** @throws CONFIG_INVALID when there is no nats-server, BUS_UNAVAILABLE when it does not come up */
  static async start(options: BrokerOptions, onRestart: OnRestart): Promise<Broker> {
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

  async #keepAlive(onRestart: OnRestart): Promise<void> {
    let identity = identityOf(this.#server.pid);
    let delayMs: number = localLimits.brokerPollMs;
    while (!this.#stopping.signal.aborted) {
      // It rejects only when it is told to stop, which the loop sees.
      await pause(delayMs, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      if (this.#stopping.signal.aborted || (identity !== null && isAlive(identity))) continue;
      const problem = await this.#restart();
      identity = problem === null ? identityOf(this.#server.pid) : null;
      delayMs = problem === null ? localLimits.brokerPollMs : Math.min(2 * delayMs, localLimits.restartDelayMsMax);
      onRestart(problem ?? "it is gone", problem === null ? 0 : delayMs);
    }
  }

  /** Null once it is up again, else why it is not: it is tried again, later each time. */
  async #restart(): Promise<string | null> {
    this.restarts += 1;
    try {
      await this.#server.restart();
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }
}
