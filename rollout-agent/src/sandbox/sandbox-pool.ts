// Sandboxes kept open ahead of their episodes, where opening one takes long. One that has been used goes back only after
// it was restored to the state in which it was opened and shows exactly that state; one that does not is quarantined:
// closed, counted, and never handed out. Opening is limited in rate, whoever asks.
import type { Duplex } from "node:stream";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { pause } from "@hindcast/shared/node";
import type { Command, ExecResult, Sandbox, SandboxOptions, SandboxProvider, SandboxState } from "./sandbox.ts";

export interface SandboxPoolOptions {
  sandboxes: SandboxProvider;
  /** Names what is not handed out yet; unique on the machine. */
  owner: string;
  /** Sandboxes kept open for each (image, mounts, limits); 0 only limits the rate. */
  warm: number;
  /** Takes back what was used, restored. @default false */
  recycles?: boolean;
  /** @default limits.sandboxOpensPerSecondMax */
  opensPerSecondMax?: number;
  log: { warn: (fields: object, message: string) => void };
}

interface Warm {
  sandbox: Sandbox;
  /** As it was opened. */
  pristine: { snapshot: Uint8Array; stateHash: string };
}

interface Shelf {
  options: Omit<SandboxOptions, "id">;
  ready: Warm[];
  /** Handed out, and expected back where used ones are taken back. */
  out: number;
  filling: Promise<void> | null;
  /** In a row; above the cap the shelf is left alone. */
  failures: number;
}

const never = new AbortController().signal;

async function pristineOf(sandbox: Sandbox): Promise<Warm["pristine"]> {
  try {
    const snapshot = await sandbox.snapshot(limits.snapshotBytesMax, never);
    const { stateHash } = await sandbox.state(never);
    if (snapshot === null) throw new Error("a fresh sandbox is larger than a snapshot may be");
    return { snapshot, stateHash };
  } catch (error) {
    // Nobody else knows of it.
    await sandbox.close();
    throw error;
  }
}

export class SandboxPool implements SandboxProvider, AsyncDisposable {
  readonly name: string;
  readonly #options: SandboxPoolOptions;
  readonly #shelves = new Map<string, Shelf>();
  readonly #rate: OpeningRate;
  #count = 0;
  #quarantined = 0;
  #isClosed = false;

  constructor(options: SandboxPoolOptions) {
    this.#options = options;
    this.name = options.sandboxes.name;
    this.#rate = new OpeningRate(options.opensPerSecondMax ?? limits.sandboxOpensPerSecondMax);
  }

  /** Sandboxes that failed their check and were closed. */
  get quarantined(): number {
    return this.#quarantined;
  }

  /** Sandboxes that wait to be handed out. */
  get ready(): number {
    return [...this.#shelves.values()].reduce((sum, { ready }) => sum + ready.length, 0);
  }

  problems(): Promise<string[]> {
    return this.#options.sandboxes.problems();
  }

  async open(options: SandboxOptions, signal: AbortSignal): Promise<Sandbox> {
    signal.throwIfAborted();
    const { id, ...rest } = options;
    const shelf = this.#shelf(rest);
    const warm = shelf === null ? null : await this.#take(shelf);
    if (warm !== null && shelf !== null) {
      return new PooledSandbox(id, warm.sandbox, () => this.#takeBack(shelf, warm));
    }
    await this.#rate.turn(signal);
    return await this.#options.sandboxes.open(options, signal);
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    const shelves = [...this.#shelves.values()];
    for (const { filling } of shelves) await filling;
    await Promise.all(shelves.flatMap(({ ready }) => ready.splice(0)).map(({ sandbox }) => sandbox.close()));
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #shelf(options: Omit<SandboxOptions, "id">): Shelf | null {
    if (this.#options.warm === 0 || this.#isClosed) return null;
    // A way out belongs to one episode: its allowance and its records.
    if (options.network?.kind === "proxy") return null;
    // What is mounted is kept for as long as whoever asked works with it.
    if ((options.mounts ?? []).length > 0) return null;
    const key = JSON.stringify(options);
    const known = this.#shelves.get(key);
    if (known !== undefined) return known;
    if (this.#shelves.size >= limits.sandboxShelvesMax) return null;
    const shelf: Shelf = { options, ready: [], out: 0, filling: null, failures: 0 };
    this.#shelves.set(key, shelf);
    return shelf;
  }

  async #take(shelf: Shelf): Promise<Warm | null> {
    const warm = shelf.ready.shift();
    if (warm !== undefined) shelf.out += 1;
    this.#fill(shelf);
    if (warm === undefined) return null;
    if (await this.#isPristine(warm)) return warm;
    shelf.out -= 1;
    return null;
  }

  #fill(shelf: Shelf): void {
    if (shelf.filling !== null || shelf.failures >= limits.sandboxPoolFailuresMax) return;
    shelf.filling = this.#openUntilFull(shelf).finally(() => {
      shelf.filling = null;
    });
  }

  async #openUntilFull(shelf: Shelf): Promise<void> {
    const { sandboxes, owner, warm, recycles = false, log } = this.#options;
    const isFull = (): boolean => shelf.ready.length + (recycles ? shelf.out : 0) >= warm;
    while (!this.#isClosed && !isFull() && shelf.failures < limits.sandboxPoolFailuresMax) {
      try {
        await this.#rate.turn(never);
        const sandbox = await sandboxes.open({ ...shelf.options, id: `${owner}/warm-${this.#count++}` }, never);
        shelf.ready.push({ sandbox, pristine: await pristineOf(sandbox) });
        shelf.failures = 0;
      } catch (error) {
        shelf.failures += 1;
        log.warn({ event: "pool.open-failed", failures: shelf.failures, err: error }, messageOf(error));
      }
    }
  }

  async #takeBack(shelf: Shelf, used: Warm): Promise<void> {
    const isWanted = !this.#isClosed && this.#options.recycles === true && shelf.ready.length < this.#options.warm;
    const isFresh = isWanted && (await this.#isRestored(used));
    shelf.out -= 1;
    if (isFresh) shelf.ready.push(used);
    else await used.sandbox.close();
  }

  async #isRestored(used: Warm): Promise<boolean> {
    try {
      await used.sandbox.restore(used.pristine.snapshot, never);
    } catch (error) {
      this.#quarantine(used, messageOf(error));
      return false;
    }
    return await this.#isPristine(used);
  }

  /** Whether it shows the state in which it was opened. */
  async #isPristine(warm: Warm): Promise<boolean> {
    try {
      const { stateHash } = await warm.sandbox.state(never);
      if (stateHash === warm.pristine.stateHash) return true;
      this.#quarantine(warm, `its state is ${stateHash}, not ${warm.pristine.stateHash} as when it was opened`);
    } catch (error) {
      this.#quarantine(warm, messageOf(error));
    }
    await warm.sandbox.close();
    return false;
  }

  #quarantine({ sandbox }: Warm, why: string): void {
    this.#quarantined += 1;
    this.#options.log.warn({ event: "pool.quarantined", sandboxId: sandbox.id, why }, "it is not used again");
  }
}

/** So many turns in any second, in the order of asking. */
class OpeningRate {
  readonly #everyMs: number;
  #nextAt = 0;
  #waiting = 0;

  constructor(perSecond: number) {
    this.#everyMs = 1_000 / perSecond;
  }

  /** @throws SANDBOX_UNAVAILABLE when too many wait already; the signal's reason. */
  async turn(signal: AbortSignal): Promise<void> {
    if (this.#waiting >= limits.sandboxOpensWaitingMax) {
      throw new HindcastError({
        code: "SANDBOX_UNAVAILABLE",
        boundary: "sandbox",
        message: `${this.#waiting} sandboxes wait to be opened already; lower the slots of this agent`,
        retryable: true,
      });
    }
    const now = performance.now();
    const at = Math.max(now, this.#nextAt);
    this.#nextAt = at + this.#everyMs;
    if (at <= now) return;
    this.#waiting += 1;
    await pause(at - now, signal);
    this.#waiting -= 1;
    signal.throwIfAborted();
  }
}

/** A warm sandbox under the name that its episode gives it. */
class PooledSandbox implements Sandbox {
  readonly id: string;
  readonly #inner: Sandbox;
  readonly #takeBack: () => Promise<void>;
  #closing: Promise<void> | null = null;

  constructor(id: string, inner: Sandbox, takeBack: () => Promise<void>) {
    this.id = id;
    this.#inner = inner;
    this.#takeBack = takeBack;
  }

  async exec(command: Command, signal: AbortSignal): Promise<ExecResult> {
    return await this.#open().exec(command, signal);
  }

  async state(signal: AbortSignal): Promise<SandboxState> {
    return await this.#open().state(signal);
  }

  async entries(signal: AbortSignal): Promise<ReadonlyMap<string, string>> {
    return await this.#open().entries(signal);
  }

  async writeFile(path: string, content: Uint8Array): Promise<void> {
    return await this.#open().writeFile(path, content);
  }

  async readFile(path: string, bytesMax: number): Promise<Uint8Array> {
    return await this.#open().readFile(path, bytesMax);
  }

  async snapshot(bytesMax: number, signal: AbortSignal): Promise<Uint8Array | null> {
    return await this.#open().snapshot(bytesMax, signal);
  }

  async restore(snapshot: Uint8Array, signal: AbortSignal): Promise<void> {
    return await this.#open().restore(snapshot, signal);
  }

  async fork(id: string, signal: AbortSignal): Promise<Sandbox> {
    return await this.#open().fork(id, signal);
  }

  async connect(port: number): Promise<Duplex> {
    return await this.#open().connect(port);
  }

  close(): Promise<void> {
    this.#closing ??= this.#takeBack();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** Whoever has closed it must not reach the next episode in it. @throws SANDBOX_LOST */
  #open(): Sandbox {
    if (this.#closing === null) return this.#inner;
    const message = `sandbox ${this.id} was closed`;
    throw new HindcastError({ code: "SANDBOX_LOST", boundary: "sandbox", message, retryable: true });
  }
}
