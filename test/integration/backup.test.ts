// The nightly backup and the restore by the very scripts of their CronJobs, with the real `nats`, as the user who may do nothing
// else. Skipped where `nats` was not built yet (npm run images).
// Requirements: 7.1.restore
import { type ChildProcess, execFile, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { createServer, type AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { jetstreamManager } from "@nats-io/jetstream";
import { connect } from "@nats-io/transport-node";
import { streams } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { findNatsServer } from "../../coordinator/src/local/nats-binary.ts";
import { natsCli } from "../support/built-tools.ts";
import { backupScript } from "../support/backup-scripts.ts";
import { kubernetesFolder } from "../support/manifests.ts";
import { task } from "../support/messages.ts";

const never = new AbortController().signal;
const pools = ["shell"];

describe.skipIf(natsCli === null)("the backup, with the permissions of accounts.conf", () => {
  let folder: string;
  let server: ChildProcess;
  let url: string;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hindcast-backup-"));
    for (const name of ["backup", "tmp", "bin"]) mkdirSync(join(folder, name));
    symlinkSync(natsCli ?? "", join(folder, "bin/nats"));
    const port = await freePort();
    url = `nats://127.0.0.1:${port}`;
    const accounts = readFileSync(join(kubernetesFolder, "bases/nats/accounts.conf"), "utf8");
    writeFileSync(join(folder, "accounts.conf"), accounts.replaceAll(/\$PASSWORD_\w+/g, '"secret"'));
    const config = `listen: "127.0.0.1:${port}"\njetstream { store_dir: "${folder}/js" }\ninclude "accounts.conf"\n`;
    writeFileSync(join(folder, "nats.conf"), config);
    const binary = await findNatsServer({
      configured: process.env["HINDCAST_NATS_SERVER"],
      cacheDirectory: cacheDirectory(process.env),
      log: () => undefined,
    });
    server = spawn(binary, ["--config", join(folder, "nats.conf")], { stdio: "ignore" });
    const patient = { waitOnFirstConnect: true, maxReconnectAttempts: 100, reconnectTimeWait: 100 };
    const first = await connect({ servers: url, user, pass: "secret", ...patient });
    await first.close();
    const bus = await coordinator();
    await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax: 64 * 1024 * 1024 });
    for (let n = 1; n <= 3; n += 1) await bus.tasks.publish(task(n), never);
    await bus.blobs.put(Buffer.from("state"));
    await bus.close();
  }, 60_000);

  afterAll(async () => {
    if (server.exitCode === null && server.signalCode === null) {
      const ended = once(server, "exit");
      server.kill("SIGKILL");
      await ended;
    }
    rmSync(folder, { recursive: true });
  });

  const user = "coordinator";
  const coordinator = (): ReturnType<typeof connectBus> =>
    connectBus({
      servers: url,
      credentials: { user, password: "secret" },
      name: "test",
      inboxPrefix: `_INBOX_${user}`,
    });

  async function administered<T>(
    work: (manager: Awaited<ReturnType<typeof jetstreamManager>>) => Promise<T>,
  ): Promise<T> {
    const nats = await connect({ servers: url, user, pass: "secret", inboxPrefix: `_INBOX_${user}` });
    try {
      return await work(await jetstreamManager(nats));
    } finally {
      await nats.close();
    }
  }

  /** @throws where the script failed */
  async function run(file: "cron-job.yaml" | "restore.yaml"): Promise<string> {
    const script = backupScript(file, join(folder, "backup"), join(folder, "tmp")).replace("sleep 5", "sleep 0.05");
    const env = {
      PATH: `${join(folder, "bin")}:${process.env["PATH"]}`,
      HOME: join(folder, "tmp"),
      NATS_URL: url,
      NATS_USER: "backup",
      NATS_PASSWORD: "secret",
    };
    return (await promisify(execFile)("sh", ["-ec", script], { env })).stdout;
  }

  const restored = (told: string): string[] => [...told.matchAll(/^restored: (.+)$/gm)].map(([, name = ""]) => name);

  it("holds every stream, twice over", async () => {
    await run("cron-job.yaml");
    await run("cron-job.yaml");
    const names = await administered(async (manager) => await manager.streams.names().next());
    expect(names.length).toBeGreaterThan(10);
    expect(readdirSync(join(folder, "backup/newest")).toSorted()).toEqual(names.toSorted());
    expect(readdirSync(join(folder, "backup"))).toEqual(["newest"]);
  });

  it("puts back what is not there, with its messages and its consumers, and leaves the rest alone", async () => {
    await administered(async (manager) => {
      await manager.streams.purge(streams.deadLetters);
      await manager.streams.delete(streams.tasks);
    });
    expect(restored(await run("restore.yaml"))).toEqual([streams.tasks]);
    await administered(async (manager) => {
      expect((await manager.streams.info(streams.tasks)).state.messages).toBe(3);
      const consumers = await manager.consumers.list(streams.tasks).next();
      expect(consumers.map(({ name }) => name)).toContain("workers-shell");
    });
    expect(restored(await run("restore.yaml"))).toEqual([]);
  });

  it("puts back all of them into an empty server", async () => {
    const before = await administered(async (manager) => {
      const names = await manager.streams.names().next();
      for (const name of names) await manager.streams.delete(name);
      return names;
    });
    expect(restored(await run("restore.yaml")).toSorted()).toEqual(before.toSorted());
    const bus = await coordinator();
    await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax: 64 * 1024 * 1024 });
    await bus.close();
    const { state } = await administered(async (manager) => await manager.streams.info("OBJ_BLOBS"));
    expect(state.messages).toBeGreaterThan(0);
  });

  it("waits for servers that have no leader yet, and goes on where an answer was lost", async () => {
    await administered(async (manager) => {
      for (const name of [streams.tasks, streams.results]) await manager.streams.delete(name);
    });
    rmSync(join(folder, "bin/nats"));
    // The list is refused twice; the first stream is put back without an answer, the second on its second try.
    const calls = join(folder, "calls");
    const refused = 'echo "nats: error: no responders available for request" >&2; exit 1';
    const forgetful = `#!/bin/sh
echo call >> ${calls}
case $(wc -l < ${calls}) in
1 | 2 | 6) ${refused} ;;
4) ${natsCli} "$@"; ${refused} ;;
*) exec ${natsCli} "$@" ;;
esac
`;
    writeFileSync(join(folder, "bin/nats"), forgetful, { mode: 0o755 });
    const told = await run("restore.yaml");
    expect(restored(told)).toEqual([streams.results, streams.tasks]);
    expect(told.match(/^again in 5 s: .*$/gm)).toEqual([
      "again in 5 s: the list of streams",
      "again in 5 s: the list of streams",
      `again in 5 s: ${streams.results}`,
      `again in 5 s: ${streams.tasks}`,
    ]);
    expect((await administered(async (manager) => await manager.streams.info(streams.tasks))).state.messages).toBe(3);
  });

  it("fails, and says why, where the server is away or there is no backup", async () => {
    const away = join(folder, "away");
    execFileSync("mv", [join(folder, "backup/newest"), away]);
    await expect(run("restore.yaml")).rejects.toThrow("there is no backup in the claim");
    execFileSync("mv", [away, join(folder, "backup/newest")]);
    const ended = once(server, "exit");
    server.kill("SIGKILL");
    await ended;
    await expect(run("restore.yaml")).rejects.toThrow(/no servers|refused/);
    await expect(run("cron-job.yaml")).rejects.toThrow(/no servers|refused/);
    expect(readdirSync(join(folder, "backup/newest")).length).toBeGreaterThan(10);
  });
});

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, "127.0.0.1");
  await once(probe, "listening");
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, "close");
  return port;
}
