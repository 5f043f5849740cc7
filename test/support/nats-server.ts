// A real nats-server with Hindcast's users for one test file: `await using nats = await aNatsServer()`.
import { mkdtemp, rm } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { batchedStagePool, stagePool, type WorkerId } from "@hindcast/shared";
import { type Bus, type BusOptions, connectBus } from "@hindcast/shared/node";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { type NatsServer, startNatsServer } from "../../coordinator/src/local/nats-server.ts";
import { serveOverTcp } from "../simulation/server/over-tcp.ts";

export const testPool = "shell";
export const testWorkers = ["w-1", "w-2", "w-3"] as WorkerId[];

export interface TestOptions extends BusOptions {
  credentials: { user: string; password: string };
  inboxPrefix: string;
}

export interface TestNats extends AsyncDisposable {
  server: NatsServer;
  directory: string;
  /** Connects as a role or worker; buses are closed with the fixture. */
  connect(user: Parameters<NatsServer["credentials"]>[0], options?: Partial<BusOptions>): Promise<Bus>;
  /** What `connectBus` needs for a role; for tests that need another client. */
  options(user: Parameters<NatsServer["credentials"]>[0]): TestOptions;
  /** A coordinator's bus with the topology in place. */
  coordinator(options?: { tasksBytesMax?: number; onStatus?: (status: string) => void }): Promise<Bus>;
}

/** The tests of the bus also run against the simulator's server: what holds of the one must hold of the other. */
export const isSimulated = process.env.HINDCAST_TEST_BUS === "simulated";

async function start(directory: string, workers: readonly WorkerId[], pools: readonly string[]): Promise<NatsServer> {
  if (isSimulated) return simulatedServer();
  const binary = await findNatsServer({
    configured: process.env.HINDCAST_NATS_SERVER,
    cacheDirectory: process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast"),
    log: console.log,
  });
  return await startNatsServer({ binary, directory, workers, pools });
}

/** Whoever stops, kills or confines the server needs the real one, and is not among the tests that run twice. */
async function simulatedServer(): Promise<NatsServer> {
  const served = await serveOverTcp();
  const credentials = (user: string): ReturnType<NatsServer["credentials"]> => ({
    user,
    password: "",
    inboxPrefix: `_INBOX_${user}`,
  });
  return { url: served.url, stop: () => served.stop(), credentials } as Partial<NatsServer> as NatsServer;
}

export async function aNatsServer(
  workers: readonly WorkerId[] = testWorkers,
  pools: readonly string[] = [testPool],
): Promise<TestNats> {
  const directory = await mkdtemp(join(tmpdir(), "hindcast-nats-"));
  const server = await start(directory, workers, pools);
  const buses: Bus[] = [];
  const options: TestNats["options"] = (user) => {
    const { inboxPrefix, ...credentials } = server.credentials(user);
    return { servers: server.url, credentials, inboxPrefix, name: `test ${user}` };
  };
  const connect: TestNats["connect"] = async (user, more = {}) => {
    const bus = await connectBus({ ...options(user), ...more });
    buses.push(bus);
    return bus;
  };
  return {
    server,
    directory,
    options,
    connect,
    coordinator: async ({ tasksBytesMax = 64 * 1024 * 1024, onStatus } = {}) => {
      const bus = await connect("coordinator", onStatus === undefined ? {} : { onStatus });
      await bus.ensureTopology({ pools: [...pools, stagePool, batchedStagePool], replicas: 1, tasksBytesMax });
      return bus;
    },
    [Symbol.asyncDispose]: async () => {
      await Promise.all(buses.map((bus) => bus.close()));
      await server.stop();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
