// Requirements: 6.11.limits
import { spawn } from "node:child_process";
import { once } from "node:events";
import { expect, it } from "vitest";
import { BrowserWatch, excessOf, useOf } from "./browser-watch.ts";

const MiB = 2 ** 20;
/** It ends when nobody reads what it writes any more. */
const program = `const big = Buffer.alloc(${64 * MiB}, 1); setInterval(() => process.stdout.write(String(big.length)), 100)`;

it("says which limit was passed, and by how much", () => {
  const caps = { memoryBytesMax: 100 * MiB, threadsMax: 50 };
  expect(excessOf({ memoryBytes: 100 * MiB, threads: 50 }, caps)).toBeNull();
  expect(excessOf({ memoryBytes: 101 * MiB, threads: 1 }, caps)).toBe("it took 101 MiB of memory and may take 100 MiB");
  expect(excessOf({ memoryBytes: 1, threads: 51 }, caps)).toBe("it ran 51 threads and may run 50");
});

it("counts what a process and those below it use, ends them above the limit, and knows nothing of one that is gone", async () => {
  const args = ["-c", `"${process.execPath}" -e '${program}' & wait`];
  const shell = spawn("/bin/sh", args, { stdio: ["ignore", "pipe", "ignore"] });
  const exited = once(shell, "exit");
  await once(shell.stdout, "data");
  const pid = shell.pid ?? 0;
  const use = useOf(pid);
  expect(use?.memoryBytes).toBeGreaterThan(64 * MiB);
  expect(use?.memoryBytes).toBeLessThan(512 * MiB);
  expect(use?.threads).toBeGreaterThan(2);
  using roomy = new BrowserWatch(pid, { memoryBytesMax: 1_024 * MiB, threadsMax: 512 });
  expect(roomy.excess).toBeNull();
  using narrow = new BrowserWatch(pid, { memoryBytesMax: 64 * MiB, threadsMax: 512 });
  expect(narrow.excess).toMatch(/^it took \d+ MiB of memory and may take 64 MiB$/);
  expect(await exited).toEqual([null, "SIGKILL"]);
  expect(useOf(pid)).toBeNull();
  shell.stdout.destroy();
});
