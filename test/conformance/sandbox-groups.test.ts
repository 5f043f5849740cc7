// Sandboxes of bubblewrap in the kernel's control groups, where this machine lets root divide them. Which controllers it
// has there does not matter: what is shown is who is in a group, and that none stays.
// Requirements: 6.2.control-groups
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { ControlGroups } from "../../rollout-agent/src/sandbox/control-groups.ts";

const never = new AbortController().signal;
const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
/** Only in the root of the groups, where nobody's processes have to move. */
const root = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].find((path) => existsSync(join(path, "cgroup.controllers")));
const controllers = root === undefined ? [] : readFileSync(join(root, "cgroup.controllers"), "utf8").trim().split(" ");
const isRoot = process.getuid?.() === 0 && /^0::\/$/m.test(readFileSync("/proc/self/cgroup", "utf8"));
const reason =
  !isRoot || controllers[0] === "" || root === undefined ? "no control groups that are ours to divide" : null;

describe.skipIf(reason !== null)(`control groups${reason === null ? "" : ` (${reason})`}`, () => {
  it("hold every process of a sandbox from its first on, and are gone with it", async () => {
    const controlGroups = await ControlGroups.find({ needs: controllers.slice(0, 1) });
    if (!(controlGroups instanceof ControlGroups)) throw new Error(controlGroups.reason);
    const groups = (): string[] => readdirSync(root ?? "").filter((name) => name.startsWith("hindcast-sandbox-"));
    const before = new Set(groups());
    const provider = createBubblewrap({ guestPath: defaultGuestPath, controlGroups, log: { debug: () => {} } });
    const sandbox = await provider.open({ id: `ep-group-${process.pid}`, limits }, never);
    const command = { timeoutMs: 20_000, outputBytesMax: 1_000, outputBytesKill: 1_000 };
    await sandbox.exec({ ...command, script: "(setsid sleep 60 &); echo" }, never);
    const [own = "", ...more] = groups().filter((name) => !before.has(name));
    expect(more).toEqual([]);
    const pids = readFileSync(join(root ?? "", own, "cgroup.procs"), "utf8")
      .trim()
      .split("\n");
    // bubblewrap outside, the guest, and what it runs.
    expect(pids.length).toBeGreaterThanOrEqual(3);
    await sandbox.close();
    await expect.poll(() => groups().filter((name) => !before.has(name))).toEqual([]);
  });
});
