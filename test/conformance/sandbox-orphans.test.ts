// However the process ends that holds a sandbox, nothing of it stays, whatever the driver.
// Requirements: 6.2.bubblewrap, 6.3.container, 6.4.vm
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { type Bus, createLogger } from "@hindcast/shared/node";
import { afterEach, expect, inject, it, vi } from "vitest";
import { findContainers } from "../../rollout-agent/src/sandbox/container/container-driver.ts";
import { reapSandboxes } from "../../rollout-agent/src/sandbox/sandbox-reaper.ts";
import { createSandboxProvider, type GivenSandboxes } from "../support/given-sandboxes.ts";
import { describeSandbox, never, processesOf, provider } from "./sandbox-fixture.ts";

const given: GivenSandboxes | undefined = inject("sandboxes");
const daemon = given === undefined || given.driver === "vm" || given.driver === "kubernetes" ? null : given.socketPath;
const program = new URL("../support/sandbox-host-process.ts", import.meta.url).pathname;
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const hosts: ChildProcess[] = [];

afterEach(() => {
  for (const host of hosts.splice(0)) host.kill("SIGKILL");
});

async function startHost(id: string): Promise<ChildProcess> {
  const args = ["--conditions=source", program, id, JSON.stringify(given ?? null)];
  const host = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  hosts.push(host);
  await once(host.stdout ?? host, "data");
  return host;
}

/** The host's own command line holds the id, too. */
async function leftOf(id: string, host: ChildProcess): Promise<number> {
  const containers = daemon === null ? [] : await findContainers(daemon);
  const processes = (await processesOf(id)).filter((pid) => pid !== host.pid);
  return processes.length + containers.filter(({ name }) => name === id).length;
}

describeSandbox("a sandbox whose agent was killed", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)("is gone with everything in it: %s", async (signal) => {
    const id = `ep-orphan-${provider.name}-${process.pid}-${signal.toLowerCase()}`;
    const host = await startHost(id);
    expect(await leftOf(id, host)).toBeGreaterThan(0);
    const exited = once(host, "exit");
    host.kill(signal);
    await exited;
    await expect.poll(() => leftOf(id, host), { timeout: 30_000 }).toBe(0);
  });
});

describeSandbox("a sandbox that nobody may work in any more", () => {
  const lease = `episode.ep-reaped-${process.pid}` as const;
  const name = `w-1/c-0001/${lease}/1`;
  const cluster = "cluster-of-the-test";

  it("is ended by the reaper of any agent on the machine, and lost to its own", async () => {
    const sandboxes = createSandboxProvider(given, cluster);
    await using sandbox = await sandboxes.open({ id: name, limits }, never);
    const stop = new AbortController();
    const holder = vi.fn<(lease: string) => Promise<{ workerId: string } | null>>(() =>
      Promise.resolve({ workerId: "w-1" }),
    );
    let reaped = 0;
    const reaping = reapSandboxes(
      {
        bus: { leases: { holder } } as unknown as Pick<Bus, "leases">,
        cluster,
        isOver: () => false,
        logger: createLogger({ name: "test", level: "silent" }),
        onReaped: () => (reaped += 1),
        containers: () => (daemon === null ? [] : findContainers(daemon)),
        everyMs: 100,
      },
      stop.signal,
    );
    // While its lease is held, nobody touches it.
    await expect.poll(() => holder.mock.calls.length).toBeGreaterThan(3);
    expect(holder.mock.calls.every(([asked]) => asked === lease)).toBe(true);
    expect(reaped).toBe(0);
    await sandbox.state(never);
    holder.mockResolvedValue(null);
    await expect.poll(() => reaped).toBeGreaterThan(0);
    await expect(sandbox.state(never)).rejects.toMatchObject({ code: "SANDBOX_LOST" });
    stop.abort();
    await reaping;
  });
});
