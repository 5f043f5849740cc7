// The bus that Hindcast stands on while it is harmed: one server, or three that each hold every stream. What can be done
// to it differs, and so do the ways in which it comes back.
import { execFile } from "node:child_process";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { promisify } from "node:util";
import { streams } from "@hindcast/shared";
import { natsBinaryOptions } from "../../coordinator/src/local/binary-options.ts";
import { Broker, pool, workerIds } from "../../coordinator/src/local/broker.ts";
import { NatsCluster } from "../support/nats-cluster.ts";

const run = promisify(execFile);

export type ServerFault =
  | "kill-server"
  | "kill-leader"
  | "isolate-server"
  | "freeze-server"
  | "retire-server"
  | "fill-disk";

export interface Servers extends AsyncDisposable {
  url: string;
  /** Copies of every stream. */
  replicas: number;
  credentialsDirectory: string;
  faults: ServerFault[];
  /** Does the harm and resolves when the server is whole again, as far as that is ours to do. */
  strike(fault: ServerFault, random: () => number): Promise<void>;
}

/** One server, which its keeper starts again. */
export async function oneServer(folder: string, agents: number, log: (line: string) => void): Promise<Servers> {
  const credentialsDirectory = join(folder, "credentials");
  const natsBinary = natsBinaryOptions(process.env, log);
  const options = { directory: join(folder, "nats"), credentialsDirectory, agents, natsBinary };
  let onRestart = (): void => undefined;
  const broker = await Broker.start(options, (_detail, delayMs) => {
    if (delayMs === 0) onRestart();
  });
  return {
    url: broker.url,
    replicas: 1,
    credentialsDirectory,
    faults: ["kill-server"],
    strike: async () => {
      const again = Promise.withResolvers<void>();
      onRestart = again.resolve;
      // 0 would be our own process group.
      if (broker.pid === 0) throw new Error("there is no nats-server to kill: it did not come up again");
      process.kill(broker.pid, "SIGKILL");
      // One fault at a time: until it is started again there is nothing that another kill could hit.
      await again.promise;
    },
    [Symbol.asyncDispose]: () => broker.stop(),
  };
}

const isolatedMs = 8_000;
const frozenMs = 6_000;
const fullMs = 5_000;
const downMs = 1_000;
const diskBytes = 512 * 1024 ** 2;

/** Three servers. Their files lie on a small disk of memory each where that may be mounted, which can then be filled. */
export async function threeServers(folder: string, agents: number): Promise<Servers> {
  const workers = workerIds(agents);
  const directory = join(folder, "nats");
  const disks = await mountDisks([0, 1, 2].map((server) => join(directory, `server-${server}`)));
  const cluster = await NatsCluster.start({ directory, workers, pools: [pool] });
  const credentialsDirectory = join(folder, "credentials");
  mkdirSync(credentialsDirectory, { recursive: true, mode: 0o700 });
  for (const user of ["coordinator", "index-core", "client", ...workers]) {
    writeFileSync(join(credentialsDirectory, user), cluster.credentials(user).password, { mode: 0o600 });
  }
  const relaunch = async (server: number): Promise<void> => {
    await cluster.untilEnded(server);
    await pause(downMs);
    cluster.launch(server);
    await cluster.untilReady();
  };
  const strikes: Record<ServerFault, (server: number) => Promise<void>> = {
    "kill-server": async (server) => {
      cluster.signal(server, "SIGKILL");
      await relaunch(server);
    },
    "kill-leader": async (server) => {
      const leader = (await cluster.leaderOf(streams.tasks)) ?? server;
      cluster.signal(leader, "SIGKILL");
      await relaunch(leader);
    },
    "isolate-server": async (server) => {
      cluster.isolate(server);
      await pause(isolatedMs);
      cluster.heal();
      await cluster.untilReady();
    },
    "freeze-server": async (server) => {
      cluster.signal(server, "SIGSTOP");
      await pause(frozenMs);
      cluster.signal(server, "SIGCONT");
      await cluster.untilReady();
    },
    "retire-server": async (server) => {
      cluster.signal(server, "SIGUSR2");
      await relaunch(server);
    },
    "fill-disk": async (server) => {
      const filler = join(cluster.directoryOf(server), "filler");
      // As much as there is: the command fails when the disk is full, which is the point.
      await run("dd", ["if=/dev/zero", `of=${filler}`, "bs=1M"]).catch(() => undefined);
      await pause(fullMs);
      rmSync(filler, { force: true });
      // nats-server keeps a stream frozen after an input/output error until it is started again.
      cluster.signal(server, "SIGTERM");
      await relaunch(server);
    },
  };
  return {
    url: cluster.url,
    replicas: 3,
    credentialsDirectory,
    faults: (Object.keys(strikes) as ServerFault[]).filter((fault) => fault !== "fill-disk" || disks.length > 0),
    strike: (fault, random) => strikes[fault](Math.floor(random() * cluster.size)),
    [Symbol.asyncDispose]: async () => {
      await cluster[Symbol.asyncDispose]();
      for (const disk of disks) await run("umount", [disk]);
    },
  };
}

/** @returns what was mounted: all of it, or nothing where this user may not mount. */
async function mountDisks(folders: string[]): Promise<string[]> {
  try {
    for (const folder of folders) {
      mkdirSync(folder, { recursive: true });
      await run("mount", ["-t", "tmpfs", "-o", `size=${diskBytes}`, "tmpfs", folder]);
    }
    return folders;
  } catch {
    return [];
  }
}
