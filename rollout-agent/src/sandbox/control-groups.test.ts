// Requirements: 6.2.control-groups
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { deriveId } from "@hindcast/shared/node";
import { afterEach, beforeEach, expect, it } from "vitest";
import { ControlGroups, describeControlGroups } from "./control-groups.ts";

const MiB = 2 ** 20;
let folder: string;
let group: string;

/** A machine as the kernel describes it, in ordinary files. */
async function aMachine(controllers: string, files: readonly string[] = []): Promise<{ process: string }> {
  const [self, own] = [join(folder, "self"), join(folder, "fs/agent.service")];
  group = join(own, `hindcast-sandbox-${deriveId("group", "ep-1")}`);
  await mkdir(self, { recursive: true });
  await mkdir(group, { recursive: true });
  await writeFile(join(self, "cgroup"), "4:memory:/elsewhere\n0::/agent.service\n");
  const mount = join(folder, "fs");
  await writeFile(
    join(self, "mountinfo"),
    `35 24 0:30 / /sys rw - sysfs x rw\n36 35 0:31 / ${mount} rw shared:9 - cgroup2 x rw\n`,
  );
  await writeFile(join(own, "cgroup.controllers"), controllers);
  for (const name of ["cgroup.procs", "cgroup.subtree_control"]) await writeFile(join(own, name), "");
  for (const name of files) await writeFile(join(group, name), "");
  return { process: self };
}

beforeEach(async () => void (folder = await mkdtemp(join(tmpdir(), "hindcast-groups-"))));
afterEach(() => rm(folder, { recursive: true }));

it("limits what the machine can limit, below the agent's own group", async () => {
  const files = ["memory.max", "memory.swap.max", "pids.max", "cpu.weight", "cgroup.procs"];
  const machine = await aMachine("cpuset cpu memory pids\n", files);
  const found = await ControlGroups.find(machine);
  if (!(found instanceof ControlGroups)) throw new Error(found.reason);
  expect(found.controllers).toEqual(["memory", "pids", "cpu"]);
  expect(await readFile(join(folder, "fs/agent.service/cgroup.subtree_control"), "utf8")).toBe("+memory +pids +cpu");
  expect(describeControlGroups(found)).toBe("limits by control groups (memory, pids, cpu), and by the guest");
  const made = await found.make("ep-1", { memoryBytesMax: 100 * MiB, diskBytesMax: 20 * MiB, processesMax: 64 });
  await made.add(4_711);
  const written = await Promise.all(files.map((name) => readFile(join(group, name), "utf8")));
  expect(written).toEqual([String(216 * MiB), "0", "80", "50", "4711"]);
  expect(await readdir(group)).not.toContain("io.weight");
});

it("gives whoever is more than its commands a room of its own, and knows what ended for want of memory", async () => {
  const files = ["memory.max", "memory.oom.group", "pids.max", "memory.events"];
  const found = await ControlGroups.find(await aMachine("memory pids\n", files));
  if (!(found instanceof ControlGroups)) throw new Error(found.reason);
  const browser = { overheadBytes: 10 * MiB, overheadProcesses: 100, endsTogether: true };
  const made = await found.make("ep-1", { memoryBytesMax: 100 * MiB, diskBytesMax: MiB, processesMax: 1 }, browser);
  const written = await Promise.all(files.slice(0, 3).map((name) => readFile(join(group, name), "utf8")));
  expect(written).toEqual([String(111 * MiB), "1", "101"]);
  expect(made.procsFile).toBe(join(group, "cgroup.procs"));
  await writeFile(join(group, "memory.events"), "low 0\noom 0\noom_kill 0\noom_group_kill 0\n");
  expect(made.isOutOfMemory()).toBe(false);
  await writeFile(join(group, "memory.events"), "low 0\noom 1\noom_kill 12\noom_group_kill 1\n");
  expect(made.isOutOfMemory()).toBe(true);
});

it.each([
  ["without memory", "pids cpu\n", /no controller for memory$/],
  ["with nothing delegated", "\n", /no controller for memory and pids$/],
])("says why there are none: %s", async (_, controllers, why) => {
  const found = await ControlGroups.find(await aMachine(controllers));
  expect(found).toEqual({ reason: expect.stringMatching(why) });
  expect(describeControlGroups(found)).toMatch(/^limits by the guest alone/);
});

it("says so where there is no version 2, or not a word", async () => {
  const self = join(folder, "self");
  await mkdir(self);
  expect(await ControlGroups.find({ process: self })).toEqual({ reason: expect.stringContaining("version 2") });
  await writeFile(join(self, "cgroup"), "4:memory:/x\n");
  expect(await ControlGroups.find({ process: self })).toEqual({ reason: expect.stringContaining("version 2") });
});
