// However the process ends that holds a sandbox, nothing of it stays, whatever the driver.
// Requirements: 6.2.bubblewrap, 6.3.container, 6.4.vm
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { afterEach, expect, inject, it } from "vitest";
import { findContainers } from "../../rollout-agent/src/sandbox/container/container-driver.ts";
import type { GivenSandboxes } from "../support/given-sandboxes.ts";
import { describeSandbox, processesOf, provider } from "./sandbox-fixture.ts";

const given: GivenSandboxes | undefined = inject("sandboxes");
const program = new URL("../support/sandbox-host-process.ts", import.meta.url).pathname;
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
  const containers = given?.driver === "container" ? await findContainers(given.socketPath) : [];
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
