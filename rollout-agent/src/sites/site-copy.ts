// One running copy of a site: its own process on a port of its own, its own state.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdir, rm } from "node:fs/promises";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { HindcastError, limits } from "@hindcast/shared";
import type { BuiltSite } from "./build-site.ts";
import { copySeed, restoreState } from "./restore-state.ts";
import { clockOf } from "./site-recipe.ts";

const lookEveryMs = 50;
/** Of what a site says, for the sentence that tells why it did not start. */
const complaintCharsMax = 2_000;

export class SiteCopy implements AsyncDisposable {
  readonly port: number;
  readonly #site: BuiltSite;
  readonly #state: string;
  readonly #child: ChildProcess;
  #complaint = "";
  #closing: Promise<void> | null = null;

  private constructor(site: BuiltSite, state: string, { port, origin }: { port: number; origin: string }) {
    this.#site = site;
    this.#state = state;
    this.port = port;
    const environment = {
      LANG: "C.UTF-8",
      TZ: "UTC",
      HOME: state,
      SITE_FOLDER: site.folder,
      SITE_STATE: state,
      SITE_RUN: runFolderOf(state),
      SITE_PORT: String(port),
      SITE_ORIGIN: origin,
      SITE_CLOCK: String(clockOf(site.recipe)),
    };
    // Beside the environment that this process was given, which holds no secrets.
    const named = Object.entries(environment).map(([name, value]) => `${name}=${value}`);
    // Ends with us, however we end: `start.sh` gives its place to the server.
    const start = ["--pdeathsig", "KILL", "env", ...named, "sh", join(site.recipe.folder, "start.sh")];
    this.#child = spawn("setpriv", start, {
      stdio: ["ignore", "pipe", "pipe"],
      detached: true,
    });
    const keep = (bytes: Buffer): void =>
      void (this.#complaint = `${this.#complaint}${bytes.toString()}`.slice(-complaintCharsMax));
    this.#child.stdout?.on("data", keep);
    this.#child.stderr?.on("data", keep);
    this.#child.on("error", (error) => keep(Buffer.from(error.message)));
  }

  /**
   * Resolves when its pages are there.
   * @param origin where visitors see it, which is what its links say
   * @throws ENVIRONMENT_UNAVAILABLE with what the site said last
   */
  static async start(
    site: BuiltSite,
    { state, origin }: { state: string; origin: string },
    signal: AbortSignal,
  ): Promise<SiteCopy> {
    await Promise.all([copySeed(site.seed, state), mkdir(runFolderOf(state), { recursive: true })]);
    const copy = new SiteCopy(site, state, { port: await freePort(), origin });
    try {
      await copy.#ready(signal);
      return copy;
    } catch (error) {
      await copy[Symbol.asyncDispose]();
      throw error;
    }
  }

  /** Where it keeps its state: what a visitor did can be looked up in its database. */
  get database(): string {
    return join(this.#state, this.#site.recipe.database);
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null && this.#closing === null;
  }

  /** Back to the first state. Nobody may be using it meanwhile. */
  async restore(): Promise<void> {
    await restoreState(this.#site.seed, this.#state);
  }

  [Symbol.asyncDispose](): Promise<void> {
    this.#closing ??= this.#stop();
    return this.#closing;
  }

  async #stop(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null && this.#child.pid !== undefined) {
      const exited = once(this.#child, "exit");
      this.#kill("SIGTERM");
      await Promise.race([exited, delay(limits.siteStopMsMax, undefined, { ref: false })]);
    }
    this.#kill("SIGKILL");
    for (const folder of [this.#state, runFolderOf(this.#state)]) {
      await rm(folder, { recursive: true, force: true, maxRetries: 3 });
    }
  }

  /** The shell and whatever it started. */
  #kill(signal: NodeJS.Signals): void {
    if (this.#child.pid === undefined) return;
    try {
      process.kill(-this.#child.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
    }
  }

  async #ready(signal: AbortSignal): Promise<void> {
    const deadline = performance.now() + limits.siteReadyMsMax;
    const url = `http://127.0.0.1:${this.port}${this.#site.recipe.ready}`;
    while (performance.now() < deadline) {
      signal.throwIfAborted();
      if (!this.isRunning) throw this.#unavailable("ended before it was ready");
      const status = await fetch(url, { redirect: "manual", signal }).then(
        async (response) => (await response.arrayBuffer(), response.status),
        () => null,
      );
      if (status !== null && status < 400) return;
      await delay(lookEveryMs, undefined, { signal });
    }
    throw this.#unavailable(`did not answer within ${limits.siteReadyMsMax} ms`);
  }

  #unavailable(what: string): HindcastError {
    const said = this.#complaint.trim();
    return new HindcastError({
      code: "ENVIRONMENT_UNAVAILABLE",
      boundary: "environment",
      message: `the site "${this.#site.recipe.name}" ${what}${said === "" ? "" : `: ${said}`}`,
    });
  }
}

/** For what belongs to the process and not to the state (a configuration, say): it stays when the state is put back. */
function runFolderOf(state: string): string {
  return `${state}.run`;
}

/** Free at this moment. */
async function freePort(): Promise<number> {
  const server = createServer();
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, "close");
  return port;
}
