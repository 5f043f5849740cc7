// A machine that was booted once and saved while its guest waited for the first request. An episode starts from it, with
// its memory and devices as they were; disks are read-only, so nothing else is to be saved.
import type { Socket } from "node:net";
import { createServer } from "node:net";
import { createWriteStream } from "node:fs";
import { chown, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { pipeline } from "node:stream/promises";
import { HindcastError, limits, messageOf } from "@hindcast/shared";
import { pause } from "@hindcast/shared/node";

const lookEveryMs = 20;

/** The folder in which a machine that is being saved may write, with the socket that takes its state. */
export interface StateReceiver extends AsyncDisposable {
  folder: string;
  uri: string;
  /** Resolves once all has been written to `path`. */
  receive: (path: string) => Promise<void>;
}

/** @param user whom the machine runs as, where that is another than we are; nobody else may give it a state */
export async function stateReceiver(user: number | null): Promise<StateReceiver> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-machine-"));
  const socketPath = join(folder, "state");
  const server = createServer();
  const connected = new Promise<Socket>((resolve) => server.once("connection", resolve));
  await new Promise<void>((resolve, reject) => server.once("error", reject).listen(socketPath, resolve));
  // The folder keeps everybody else out: what is received here, every later episode starts from.
  if (user !== null) for (const path of [socketPath, folder]) await chown(path, user, user);
  return {
    folder,
    uri: `unix:${socketPath}`,
    receive: async (path) => {
      await pipeline(await connected, createWriteStream(path));
    },
    [Symbol.asyncDispose]: async () => {
      server.close();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** Speaks QEMU's monitor protocol: one command, one answer. */
export class Monitor {
  readonly #stream: Duplex;
  readonly #lines: AsyncIterator<string>;

  constructor(stream: Duplex) {
    this.#stream = stream;
    this.#lines = createInterface({ input: stream })[Symbol.asyncIterator]();
  }

  /** @throws SANDBOX_UNAVAILABLE with what QEMU says. */
  async call(execute: string, parameters: object = {}): Promise<unknown> {
    this.#stream.write(`${JSON.stringify({ execute, arguments: parameters })}\n`);
    for (;;) {
      const { value, done = false } = await this.#lines.next();
      if (done) throw refused(execute, "it has ended");
      const answer = JSON.parse(String(value)) as { return?: unknown; error?: { desc: string } };
      // The greeting and events come in between.
      if (answer.error !== undefined) throw refused(execute, answer.error.desc);
      if ("return" in answer) return answer.return;
    }
  }
}

/** Writes a running machine's whole state to `path`, and ends it. */
export async function saveMachine(
  monitor: Monitor,
  { receiver, path }: { receiver: StateReceiver; path: string },
  signal: AbortSignal,
): Promise<void> {
  // Awaited together: a disk that is full is heard of while the machine still sends.
  await Promise.all([receiver.receive(path), sendState(monitor, receiver.uri, signal)]);
}

async function sendState(monitor: Monitor, uri: string, signal: AbortSignal): Promise<void> {
  await monitor.call("qmp_capabilities");
  await monitor.call("migrate-set-parameters", { "max-bandwidth": 2 ** 36 });
  await monitor.call("migrate", { uri });
  const deadline = performance.now() + limits.machineBootMs;
  for (;;) {
    const state = (await monitor.call("query-migrate")) as { status?: string; "error-desc"?: string };
    if (state.status === "completed") break;
    if (state.status === "failed") throw refused("migrate", state["error-desc"] ?? "it failed");
    if (performance.now() > deadline) throw refused("migrate", `it was not done within ${limits.machineBootMs} ms`);
    await pause(lookEveryMs, signal);
  }
  await monitor.call("quit").catch((error: unknown) => {
    if (!messageOf(error).includes("it has ended")) throw error;
  });
}

function refused(command: string, why: string): HindcastError {
  return new HindcastError({
    code: "SANDBOX_UNAVAILABLE",
    boundary: "sandbox",
    message: `QEMU refused "${command}" of its monitor: ${why}`,
  });
}
