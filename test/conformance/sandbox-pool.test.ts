// Warm sandboxes: handed out only as fresh as they were opened, whatever was done in them before.
// Requirements: 6.8.pool, 6.8.quarantine, 6.8.rate
import { afterEach, describe, expect, it } from "vitest";
import { SandboxPool, type SandboxPoolOptions } from "../../rollout-agent/src/sandbox/sandbox-pool.ts";
import type { Sandbox, SandboxOptions, SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import { never, processesOf, provider } from "./sandbox-fixture.ts";

const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const command = { timeoutMs: 10_000, outputBytesMax: 1_000, outputBytesKill: 10_000 };
const pools: SandboxPool[] = [];

afterEach(async () => {
  await Promise.all(pools.splice(0).map((pool) => pool.close()));
});

/** A pool over bubblewrap that remembers what it has opened. */
function aPool(options: Partial<SandboxPoolOptions> = {}): { pool: SandboxPool; opened: Sandbox[] } {
  const opened: Sandbox[] = [];
  const sandboxes: SandboxProvider = {
    name: provider.name,
    problems: () => provider.problems(),
    open: async (wanted: SandboxOptions, signal: AbortSignal) => {
      const sandbox = await provider.open(wanted, signal);
      opened.push(sandbox);
      return sandbox;
    },
  };
  const log = { warn: (): void => {} };
  const pool = new SandboxPool({ sandboxes, owner: `pool-${process.pid}-${pools.length}`, warm: 1, log, ...options });
  pools.push(pool);
  return { pool, opened };
}

async function text(sandbox: Sandbox, script: string): Promise<string> {
  return Buffer.from((await sandbox.exec({ ...command, script }, never)).output).toString();
}

describe("a pool of sandboxes", () => {
  it("hands out what it has kept warm, under the name that is asked for", async () => {
    const { pool, opened } = aPool();
    await using first = await pool.open({ id: "ep-1", limits }, never);
    await expect.poll(() => pool.ready).toBe(1);
    await using second = await pool.open({ id: "ep-2", limits }, never);
    expect([first.id, second.id]).toEqual(["ep-1", "ep-2"]);
    const warm = opened.find(({ id }) => id.endsWith("/warm-0"));
    expect(await processesOf(warm?.id ?? "")).not.toEqual([]);
    await text(second, "echo x > f");
    expect(Buffer.from((await warm?.readFile("f", 10)) ?? []).toString()).toBe("x\n");
  });

  it("keeps none warm with mounts: they stand for as long as whoever asked works with them", async () => {
    const wanted: SandboxOptions[] = [];
    const sandboxes: SandboxProvider = {
      name: provider.name,
      problems: () => provider.problems(),
      open: (options, signal) => (wanted.push(options), provider.open(options, signal)),
    };
    const { pool } = aPool({ sandboxes });
    const mounts = [{ source: "/usr/share", target: "/opt/share" }];
    await (await pool.open({ id: "ep-1", limits, mounts }, never)).close();
    await (await pool.open({ id: "ep-2", limits }, never)).close();
    await expect.poll(() => pool.ready).toBeGreaterThan(0);
    expect(wanted.filter((options) => options.mounts !== undefined).map(({ id }) => id)).toEqual(["ep-1"]);
  });

  it("ends what was used, unless it takes back what is restored", async () => {
    const { pool, opened } = aPool({ warm: 2, recycles: true });
    await (await pool.open({ id: "ep-1", limits }, never)).close();
    await expect.poll(() => pool.ready).toBe(2);
    const used = await pool.open({ id: "ep-2", limits }, never);
    await text(used, "echo secret > f; x=secret; cd /tmp; sleep 60 &");
    await used.close();
    expect(pool.ready).toBe(2);
    expect(opened).toHaveLength(3);
    await expect(used.exec({ ...command, script: "ls" }, never)).rejects.toMatchObject({ code: "SANDBOX_LOST" });
    for (const id of ["ep-3", "ep-4"]) {
      await using next = await pool.open({ id, limits }, never);
      expect(await text(next, 'pwd; ls; echo "[$x]"; pgrep -c sleep')).toBe("/workspace\n[]\n0\n");
    }
    expect(pool.quarantined).toBe(0);
  });

  it("quarantines what is not as it was opened, and opens another instead", async () => {
    const { pool, opened } = aPool();
    await (await pool.open({ id: "ep-1", limits }, never)).close();
    await expect.poll(() => pool.ready).toBe(1);
    const warm = opened.find(({ id }) => id.endsWith("/warm-0"));
    await warm?.writeFile("planted", Buffer.from("x"));
    await using next = await pool.open({ id: "ep-2", limits }, never);
    expect(await text(next, "ls")).toBe("");
    expect(pool.quarantined).toBe(1);
    await expect(warm?.state(never)).rejects.toMatchObject({ code: "SANDBOX_LOST" });
  });

  it("gives up keeping a kind warm that cannot be opened, and says why to who asks", async () => {
    let attempts = 0;
    const sandboxes: SandboxProvider = {
      name: "none",
      problems: () => Promise.resolve([]),
      open: () => {
        attempts += 1;
        return Promise.reject(new Error("no more of these"));
      },
    };
    const { pool } = aPool({ sandboxes });
    for (let n = 0; n < 5; n += 1) {
      await expect(pool.open({ id: `ep-${n}`, limits }, never)).rejects.toThrow("no more of these");
    }
    await pool.close();
    // Each caller's own, and three in a row of the pool's.
    expect(attempts).toBe(5 + 3);
  });

  it("opens so many a second, and no more", async () => {
    const { pool } = aPool({ warm: 0, opensPerSecondMax: 10 });
    const startedAt = performance.now();
    const boxes = await Promise.all([1, 2, 3, 4].map((n) => pool.open({ id: `ep-${n}`, limits }, never)));
    expect(performance.now() - startedAt).toBeGreaterThan(295);
    await Promise.all(boxes.map((box) => box.close()));
    const hurried = [5, 6, 7].map((n) => pool.open({ id: `ep-${n}`, limits }, AbortSignal.timeout(20)));
    const outcomes = await Promise.allSettled(hurried);
    expect(outcomes.at(-1)).toMatchObject({ status: "rejected", reason: { name: "TimeoutError" } });
    for (const each of outcomes) if (each.status === "fulfilled") await each.value.close();
  });

  it("leaves nothing behind when it is closed", async () => {
    const { pool, opened } = aPool({ warm: 3 });
    await (await pool.open({ id: "ep-1", limits }, never)).close();
    await pool.close();
    const left = await Promise.all(opened.map(({ id }) => processesOf(id)));
    expect(left.flat()).toEqual([]);
  });
});
