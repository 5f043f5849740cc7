// However the process ends that holds sandboxes, nothing of them stays: no process, no mount, no folder.
// Requirements: 3.5.no-leaks, 3.5.isolation, 3.bad.sandbox-killed, 5.8.lease-bound, 5.8.storm
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { readdir, readFile, readlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { setTimeout as delay } from "node:timers/promises";
import { afterEach, describe, expect, it } from "vitest";
import { startAgent } from "../support/agents.ts";
import { anInstruction, someLimits } from "../support/builders.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { task } from "../support/messages.ts";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

const bubblewrap = new URL("../../rollout-agent/src/sandbox/bubblewrap.ts", import.meta.url).href;
/** Longer than the kernel needs to end a process namespace on a busy machine. */
const goneWithinMs = 15_000;
const hosts: ChildProcess[] = [];

/** A process that opens sandboxes whose commands leave processes behind, says `ready` and waits. */
async function startHost(prefix: string, count: number): Promise<ChildProcess> {
  const source = `
    import { createBubblewrap, defaultGuestPath } from ${JSON.stringify(bubblewrap)};
    const provider = createBubblewrap({ guestPath: defaultGuestPath, log: { debug() {} } });
    const never = new AbortController().signal;
    const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
    process.on("SIGTERM", () => process.exit(0));
    const command = { timeoutMs: 60_000, outputBytesMax: 100, outputBytesKill: 1_000 };
    const sandboxes = await Promise.all(Array.from({ length: ${count} }, async (_, index) => {
      const sandbox = await provider.open({ id: \`${prefix}-\${index}\`, limits }, never);
      const script = "trap '' TERM HUP; (setsid bash -c 'trap \\"\\" TERM HUP; exec -a ${prefix}-child sleep 600' &) ; echo x > f";
      await sandbox.exec({ ...command, script }, never);
      return sandbox;
    }));
    console.log("ready");
    // Killed in the middle of a command.
    await sandboxes[0].exec({ ...command, script: "exec -a ${prefix}-child sleep 600" }, never)
      .catch((error) => process.exit(error.code === "SANDBOX_LOST" ? 7 : 1));`;
  const host = spawn(process.execPath, ["--conditions=source", "--input-type=module", "-e", source], {
    stdio: ["ignore", "pipe", "inherit"],
  });
  hosts.push(host);
  return host;
}

async function processesOf(prefix: string, separator = "-"): Promise<string[]> {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(
    pids.map(async (pid) => {
      const words = (await readFile(`/proc/${pid}/cmdline`, "utf8").catch(() => "")).split("\0");
      return words.some((word) => word.startsWith(`${prefix}${separator}`)) ? `${pid} ${words.join(" ")}` : "";
    }),
  );
  return lines.filter((line) => line !== "");
}

/** Bubblewrap and the guest inside it, the parent first. */
async function guestProcessesOf(prefix: string): Promise<number[]> {
  const parts = (await processesOf(prefix)).filter((line) => line.includes(".hindcast-guest"));
  const pids = parts.map((line) => Number(line.split(" ")[0]));
  const parents = await Promise.all(
    pids.map(async (pid) =>
      Number(/^PPid:\t(\d+)/m.exec(await readFile(`/proc/${pid}/status`, "utf8").catch(() => ""))?.[1]),
    ),
  );
  // Numbers wrap around, so the smaller one need not be the older.
  return pids.toSorted((a, b) => Number(parents[pids.indexOf(a)] === b) - Number(parents[pids.indexOf(b)] === a));
}

/** Each sandbox has a mount namespace, and one without processes lives on only while something holds it. */
async function mountNamespaces(pids: string[]): Promise<Set<string>> {
  return new Set(await Promise.all(pids.map((pid) => readlink(`/proc/${pid}/ns/mnt`).catch(() => "gone"))));
}

async function world(): Promise<{ mounts: string; folders: string[] }> {
  const folders = [...(await readdir(tmpdir())), ...(await readdir("/run")), ...(await readdir("/dev/shm"))];
  return {
    mounts: await readFile("/proc/self/mountinfo", "utf8"),
    folders: folders.filter((name) => /hindcast-guest|bwrap|bubblewrap|newroot|oldroot/i.test(name)),
  };
}

async function expectNothingOf(prefix: string): Promise<void> {
  const deadline = performance.now() + goneWithinMs;
  let left = await processesOf(prefix);
  while (left.length > 0 && performance.now() < deadline) {
    await delay(20);
    left = await processesOf(prefix);
  }
  expect(left).toEqual([]);
}

afterEach(() => {
  for (const host of hosts.splice(0)) host.kill("SIGKILL");
});

describe("sandboxes", () => {
  it.each(["SIGKILL", "SIGTERM"] as const)(
    "leave nothing when their host ends by %s in mid-command",
    async (signal) => {
      const prefix = `leak-${process.pid}-${signal.toLowerCase()}`;
      const before = await world();
      const host = await startHost(prefix, 3);
      await once(host.stdout ?? host, "data");
      const running = await processesOf(prefix);
      // Per sandbox: bubblewrap, the guest, and what the commands have left; the host's own command line is one more.
      expect(running.length).toBeGreaterThanOrEqual(3 * 3);
      const inside = await mountNamespaces(running.map((line) => line.split(" ")[0] ?? ""));
      const exited = once(host, "exit");
      host.kill(signal);
      await exited;
      await expectNothingOf(prefix);
      expect(await world()).toEqual(before);
      const own = await readlink("/proc/self/ns/mnt");
      const everybody = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
      const left = await mountNamespaces(everybody);
      expect(
        [...inside].filter((namespace) => namespace !== own && namespace !== "gone" && left.has(namespace)),
      ).toEqual([]);
      expect(inside.size).toBeGreaterThan(3);
    },
  );

  it("leave nothing when their host is killed at any moment of opening them", async () => {
    for (const pauseMs of [100, 150, 200, 250, 300, 400]) {
      const prefix = `storm-${process.pid}-${pauseMs}`;
      const host = await startHost(prefix, 12);
      const exited = once(host, "exit");
      await delay(pauseMs);
      host.kill("SIGKILL");
      await exited;
      await expectNothingOf(prefix);
    }
  });

  it.each([
    ["bubblewrap", 0],
    ["the guest", 1],
  ])("leave nothing when %s is killed", async (_, which) => {
    const prefix = `parts-${process.pid}-${which}`;
    const host = await startHost(prefix, 1);
    await once(host.stdout ?? host, "data");
    // A command that is being started looks like the guest until it is itself.
    let pids: number[] = [];
    await expect.poll(async () => (pids = await guestProcessesOf(prefix))).toHaveLength(2);
    const exited = once(host, "exit");
    process.kill(pids[which] ?? 0, "SIGKILL");
    // The host's pending command fails with SANDBOX_LOST.
    expect((await exited)[0]).toBe(7);
    await expectNothingOf(prefix);
  });
});

describe("sandboxes of agents", () => {
  const leaseTtlMs = 3_000;
  /** Twice the lease, and what a busy machine needs to notice. */
  const boundMs = 2 * leaseTtlMs + 5_000;
  const never = new AbortController().signal;

  /** Episodes whose one command outlives every test. */
  async function busyTasks(nats: TestNats, count: number): Promise<void> {
    const coordinator = await nats.coordinator();
    for (let n = 1; n <= count; n += 1) {
      const instruction = anInstruction({ text: `Wait, number ${n}` });
      const model = "openai:codestral-22b";
      await coordinator.tasks.publish(
        task(n, { instruction, model, limits: { ...someLimits, stepTimeMs: 600_000 } }),
        never,
      );
    }
  }
  async function aPolicy(): Promise<Emulator> {
    const policy = await startOpenAiEmulator();
    policy.replyAlways(() => ({ kind: "answer", text: "REASON: wait\nACTION: sleep 600 & sleep 600" }));
    return policy;
  }
  const sandboxesOf = async (worker: string): Promise<number> =>
    (await processesOf(worker, "/")).filter((line) => line.includes("/.hindcast-guest")).length;

  it("are named after worker, campaign, lease and attempt, and end while their agent is stopped, once its lease is gone", async () => {
    await using nats = await aNatsServer();
    await using policy = await aPolicy();
    await busyTasks(nats, 1);
    await using zombie = await startAgent(nats, policy, { id: "w-1", leaseTtlMs });
    await expect.poll(() => sandboxesOf("w-1")).toBeGreaterThan(0);
    expect((await processesOf("w-1", "/")).join()).toContain("w-1/c-0001/episode.ep-1/1@");
    await using _ = await startAgent(nats, policy, { id: "w-2", leaseTtlMs, reapEveryMs: 300 });
    await using others = await aNatsServer();
    await others.coordinator();
    await using _stranger = await startAgent(others, policy, { id: "w-3", reapEveryMs: 300 });
    // While the lease is held, nobody touches it, nor does who knows nothing of that lease.
    const processes = await processesOf("w-1", "/");
    await delay(1_000);
    expect(await processesOf("w-1", "/")).toEqual(expect.arrayContaining(processes));
    const stoppedAt = performance.now();
    zombie.signal("SIGSTOP");
    // Killed processes whose parent is stopped are not waited for: they are gone but for their number.
    await expect.poll(() => sandboxesOf("w-1"), { timeout: boundMs, interval: 50 }).toBe(0);
    expect(performance.now() - stoppedAt).toBeGreaterThan(500);
    zombie.signal("SIGCONT");
    await expect.poll(() => zombie.log, { timeout: 10_000 }).toContain("lease.lost");
    expect(await sandboxesOf("w-1")).toBe(0);
  });

  it("leave nothing after twice the lease when all agents are killed in a storm", async () => {
    await using nats = await aNatsServer();
    await using policy = await aPolicy();
    await busyTasks(nats, 6);
    const ids = ["w-1", "w-2", "w-3"];
    const agents = await Promise.all(ids.map((id) => startAgent(nats, policy, { id, leaseTtlMs, slots: 2 })));
    const open = async (): Promise<number> => (await Promise.all(ids.map(sandboxesOf))).reduce((sum, n) => sum + n, 0);
    await expect.poll(open, { timeout: 20_000 }).toBeGreaterThan(0);
    for (const agent of agents) agent.signal("SIGKILL");
    await expect.poll(open, { timeout: boundMs, interval: 50 }).toBe(0);
  });
});
