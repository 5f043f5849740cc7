// Requirements: 3.start, 3.bad.ctrl-c
import { existsSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { ClusterFile } from "../../coordinator/src/local/cluster-file.ts";
import { aFolder, hindcast, processesOf, startHindcast, untilNothingRuns } from "../support/hindcast.ts";

const up = ["--json", "up"];
const clusterFile = (folder: string): ClusterFile =>
  ClusterFile.parse(JSON.parse(readFileSync(join(folder, ".hindcast/run/cluster.json"), "utf8")));
/** Agents hand back, the broker flushes: far more than it takes, far less than the drain deadline. */
const goneWithinMs = 20_000;

describe("the local cluster", () => {
  it("runs each part as a process of its own, lets others join, and ends in order on Ctrl-C", async () => {
    using folder = aFolder();
    const owner = startHindcast(up, { cwd: folder.path });
    const { url } = await owner.untilEvent("cluster.running");
    const { processes, credentialsDirectory } = clusterFile(folder.path);
    expect(processes.map(({ name }) => name).toSorted()).toEqual([
      "coordinator",
      "index-core",
      "nats-server",
      "reaper",
      "rollout-agent-1",
      "rollout-agent-2",
    ]);
    expect(new Set(processes.map(({ identity }) => identity.pid)).size).toBe(6);
    expect(statSync(join(credentialsDirectory, "coordinator")).mode & 0o777).toBe(0o600);

    const guest = await hindcast(up, { cwd: folder.path });
    expect(guest.code).toBe(0);
    expect(guest.stdout).toContain(String(url));
    const status = await hindcast(["--json", "status"], { cwd: folder.path });
    expect(JSON.parse(status.stdout)).toMatchObject({
      event: "status",
      backlog: { queued: 0, working: 0 },
      workers: [{ workerId: "w-1" }, { workerId: "w-2" }],
    });

    owner.child.kill("SIGINT");
    expect((await owner.done).code).toBe(130);
    expect(processesOf(folder.path)).toEqual([]);
    expect(existsSync(join(folder.path, ".hindcast/run/cluster.json"))).toBe(false);
    expect(existsSync(join(folder.path, ".hindcast/nats"))).toBe(true);
  });

  it("starts a process again that was killed, and the broker on its old port", async () => {
    using folder = aFolder();
    const owner = startHindcast(up, { cwd: folder.path });
    await owner.untilEvent("cluster.running");
    const before = clusterFile(folder.path);
    for (const name of ["rollout-agent-1", "nats-server"]) {
      process.kill(before.processes.find((each) => each.name === name)?.identity.pid ?? 0, "SIGKILL");
    }
    await expect
      .poll(
        () =>
          clusterFile(folder.path)
            .processes.filter(({ restarts }) => restarts > 0)
            .map(({ name }) => name)
            .toSorted(),
        { timeout: 20_000 },
      )
      .toEqual(["nats-server", "rollout-agent-1"]);
    expect(clusterFile(folder.path).url).toBe(before.url);
    await expect
      .poll(async () => (await hindcast(["--json", "status"], { cwd: folder.path })).stdout, { timeout: 40_000 })
      .toContain('"workerId":"w-1"');
    owner.child.kill("SIGTERM");
    await owner.done;
    await untilNothingRuns(folder.path, 1_000);
  });

  it("leaves nothing behind when its owner is killed, and starts again on what it had", async () => {
    using folder = aFolder();
    const owner = startHindcast(up, { cwd: folder.path });
    await owner.untilEvent("cluster.running");
    owner.child.kill("SIGKILL");
    await untilNothingRuns(folder.path, goneWithinMs);

    const next = startHindcast(up, { cwd: folder.path });
    await next.untilEvent("cluster.running");
    next.child.kill("SIGINT");
    expect((await next.done).code).toBe(130);
    expect(processesOf(folder.path)).toEqual([]);
  });

  it("cleans up at the next start when even the reaper was killed", async () => {
    using folder = aFolder();
    const owner = startHindcast(up, { cwd: folder.path });
    await owner.untilEvent("cluster.running");
    const { processes } = clusterFile(folder.path);
    process.kill(processes.find(({ name }) => name === "reaper")?.identity.pid ?? 0, "SIGKILL");
    owner.child.kill("SIGKILL");
    await owner.done;

    const next = startHindcast(up, { cwd: folder.path });
    await next.untilEvent("cluster.running");
    const left = new Set(processesOf(folder.path).map(({ pid }) => pid));
    for (const { name, identity } of processes) expect([name, left.has(identity.pid)]).toEqual([name, false]);
    next.child.kill("SIGINT");
    await next.done;
    expect(processesOf(folder.path)).toEqual([]);
  });

  it("ends what it had started when Ctrl-C comes before it was ready", async () => {
    using folder = aFolder();
    const owner = startHindcast(up, { cwd: folder.path });
    await owner.untilEvent("cluster.starting");
    owner.child.kill("SIGINT");
    expect((await owner.done).code).toBe(130);
    await untilNothingRuns(folder.path, goneWithinMs);
  });
});
