// Requirements: 3.start, 3.start.again, 3.bad.nats-restart
import { spawn } from "node:child_process";
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import type { WorkerId } from "@hindcast/shared";
import { connectBus } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { findNatsServer, parseNatsVersion } from "../../coordinator/src/local/nats-binary.ts";
import { startNatsServer } from "../../coordinator/src/local/nats-server.ts";
import { task } from "../support/messages.ts";
import { testPool } from "../support/nats-server.ts";

const workers = ["w-1" as WorkerId];
const topology = { pools: [testPool], replicas: 1, tasksBytesMax: 1_000_000 };

describe("the local nats-server", () => {
  let binary: string;
  let directory: string;
  const cacheDirectory = process.env.HINDCAST_CACHE ?? join(homedir(), ".cache", "hindcast");

  beforeAll(async () => {
    binary = await findNatsServer({
      configured: process.env.HINDCAST_NATS_SERVER,
      cacheDirectory,
      log: () => undefined,
    });
    directory = await mkdtemp(join(tmpdir(), "hindcast-local-nats-"));
  });
  afterAll(async () => {
    await rm(directory, { recursive: true, force: true });
  });

  it("finds what an earlier start left, under new passwords, and listens on loopback only", async () => {
    const options = { binary, directory: join(directory, "again"), workers, pools: [testPool] };
    const first = await startNatsServer(options);
    const { inboxPrefix, ...credentials } = first.credentials("coordinator");
    const bus = await connectBus({ servers: first.url, credentials, inboxPrefix, name: "test" });
    await bus.ensureTopology(topology);
    await bus.tasks.publish(task(1), new AbortController().signal);
    await bus.close();
    await first.stop();
    await using second = await startNatsServer(options);
    expect(new URL(second.url).hostname).toBe("127.0.0.1");
    await expect(
      connectBus({ servers: second.url, credentials, inboxPrefix, name: "old password" }),
    ).rejects.toMatchObject({ code: "BUS_FORBIDDEN" });
    const { inboxPrefix: prefix, ...fresh } = second.credentials("client");
    const client = await connectBus({ servers: second.url, credentials: fresh, inboxPrefix: prefix, name: "test" });
    expect(await client.tasks.backlog(testPool)).toEqual({ queued: 1, working: 0 });
    await client.close();
    expect(await (await fetch(`${second.monitorUrl}/healthz`)).json()).toEqual({ status: "ok" });
    expect(await (await fetch(`${second.monitorUrl}/jsz?acc=HINDCAST`)).json()).toMatchObject({
      config: { sync_always: true },
    });
  });

  it("keeps its passwords readable by its owner only", async () => {
    await using server = await startNatsServer({
      binary,
      directory: join(directory, "secret"),
      workers,
      pools: [testPool],
    });
    const file = join(directory, "secret", "nats-server.conf");
    expect(await readFile(file, "utf8")).toContain(server.credentials("w-1" as WorkerId).password);
    expect((await stat(file)).mode & 0o077).toBe(0);
    expect((await stat(join(directory, "secret"))).mode & 0o077).toBe(0);
  });

  it("starts where a crash has cut the note on its owner short", async () => {
    const own = join(directory, "cut");
    await mkdir(own);
    await writeFile(join(own, "nats-server.owner.json"), '{"pid":4');
    await using server = await startNatsServer({ binary, directory: own, workers, pools: [testPool] });
    const note: unknown = JSON.parse(await readFile(join(own, "nats-server.owner.json"), "utf8"));
    expect(note).toEqual({ pid: server.pid, owner: process.pid });
  });

  it("has no user for a worker it was not started with", async () => {
    await using server = await startNatsServer({
      binary,
      directory: join(directory, "users"),
      workers,
      pools: [testPool],
    });
    expect(() => server.credentials("w-9" as WorkerId)).toThrow(/w-9/);
  });

  it("is ended when the Hindcast that started it was killed, and left alone while that one lives", async () => {
    const of = join(directory, "orphan");
    const script = `
      import { startNatsServer } from ${JSON.stringify(new URL("../../coordinator/src/local/nats-server.ts", import.meta.url).pathname)};
      const server = await startNatsServer(${JSON.stringify({ binary, directory: of, workers, pools: [testPool] })});
      console.log(server.pid);
      setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", script], {
      cwd: new URL("../..", import.meta.url).pathname,
      stdio: ["ignore", "pipe", "inherit"],
    });
    const pid = Number(
      await new Promise<string>((resolve) => owner.stdout.once("data", (data: Buffer) => resolve(String(data)))),
    );
    const start = () => startNatsServer({ binary, directory: of, workers, pools: [testPool] });
    await expect(start()).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    const exited = new Promise((resolve) => owner.once("exit", resolve));
    owner.kill("SIGKILL");
    await exited;
    expect(() => process.kill(pid, 0)).not.toThrow();
    await using server = await start();
    expect(server.pid).not.toBe(pid);
    expect(() => process.kill(pid, 0)).toThrow();
  });

  it("says why it did not come up, and where its log is", async () => {
    const broken = join(directory, "not-a-server");
    await writeFile(broken, "#!/bin/sh\necho 'cannot open the store'\nexit 3\n");
    await chmod(broken, 0o755);
    const starting = startNatsServer({
      binary: broken,
      directory: join(directory, "broken"),
      workers,
      pools: [testPool],
    });
    await expect(starting).rejects.toThrow(/cannot open the store.*nats-server\.log/s);
  });
});

describe("the binary of nats-server", () => {
  it("is refused with every remedy when the configured one is missing, another program, or too old", async () => {
    const directory = await mkdtemp(join(tmpdir(), "hindcast-binary-"));
    const old = join(directory, "old");
    await writeFile(old, "#!/bin/sh\necho 'nats-server: v2.9.10'\n");
    await chmod(old, 0o755);
    const find = (configured: string) =>
      findNatsServer({ configured, cacheDirectory: directory, log: () => undefined });
    await expect(find(old)).rejects.toThrow(/2\.9\.10, older than 2\.12.*releases.*HINDCAST_NATS_SERVER.*Go.*Docker/s);
    await expect(find("/bin/true")).rejects.toThrow(/does not answer --version as nats-server does/);
    await expect(find(join(directory, "absent"))).rejects.toMatchObject({ code: "CONFIG_INVALID" });
    await rm(directory, { recursive: true });
  });

  it("is known by its version line", () => {
    expect(parseNatsVersion("nats-server: v2.14.5\n")).toEqual([2, 14, 5]);
    expect(parseNatsVersion("nats-server: v2.15.0-dev")).toEqual([2, 15, 0]);
    expect(parseNatsVersion("git version 2.39.5")).toBeNull();
  });
});
