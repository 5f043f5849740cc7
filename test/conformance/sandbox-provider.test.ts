// Opening sandboxes: ids, refusals with a remedy, and running as root or as an ordinary user.
// Requirements: 3.5.refuses, 3.5.isolation
import { execFile } from "node:child_process";
import { chmod, copyFile, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { createBubblewrap, defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { findNodePrefix } from "../../rollout-agent/src/sandbox/find-node-prefix.ts";
import { argumentsForUserSpaceKernel, bubblewrapArguments } from "../../rollout-agent/src/sandbox/sandbox-world.ts";
import { never, openSandbox, processesOf, provider } from "./sandbox-fixture.ts";

const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const log = { debug: (): void => {} };
let folder = "";
const event = '{"id":0,"ok":null,"fault":null,"event":{"kind":"incoming","connection":4294967296}}';
const unasked = `printf '\\0\\0\\0\\${event.length.toString(8)}\\0\\0\\0\\0%s' '${event}'; exec sleep 60`;

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-provider-"));
  await chmod(folder, 0o755);
});

afterAll(() => rm(folder, { recursive: true }));

async function fakeBwrap(name: string, script: string): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${script}\n`, { mode: 0o755 });
  return path;
}

describe("the bubblewrap provider", () => {
  it("has no problems on a machine that allows sandboxes", async () => {
    expect(await provider.problems()).toEqual([]);
  });

  it("names the package where bubblewrap is missing", async () => {
    const missing = createBubblewrap({ guestPath: defaultGuestPath, bwrapPath: "/nonexistent/bwrap", log });
    expect(await missing.problems()).toEqual([expect.stringContaining("apt-get install bubblewrap")]);
    const opening = missing.open({ id: "ep-none", limits }, never);
    await expect(opening).rejects.toMatchObject({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox" });
  });

  it("names the build command where the guest is missing", async () => {
    const missing = createBubblewrap({ guestPath: join(folder, "none"), log });
    expect(await missing.problems()).toEqual([expect.stringContaining("cargo build --release")]);
  });

  it("names the setting where user namespaces are forbidden", async () => {
    const bwrapPath = await fakeBwrap(
      "forbidden",
      'echo "bwrap: No permissions to create new namespace, likely because the kernel does not allow it" >&2; exit 1',
    );
    const forbidden = createBubblewrap({ guestPath: defaultGuestPath, bwrapPath, log });
    expect(await forbidden.problems()).toEqual([expect.stringContaining("sysctl")]);
    const opening = forbidden.open({ id: "ep-none", limits }, never);
    await expect(opening).rejects.toMatchObject({
      code: "SANDBOX_UNAVAILABLE",
      message: expect.stringContaining("sysctl"),
    });
  });

  it.each([
    ["is no protocol", "printf 'Content-Type: text/html; charset=utf-8'; exec sleep 60"],
    ["claims to be huge", String.raw`printf '\377\377\377\377\377\377\377\377'; exec sleep 60`],
    ["is not JSON", String.raw`printf '\0\0\0\2\0\0\0\0no'; exec sleep 60`],
    [
      "answers another request",
      `printf '\\0\\0\\0\\044\\0\\0\\0\\0{"id":77,"ok":{},"fault":null        }'; exec sleep 60`,
    ],
    ["opens a connection unasked", unasked],
    ["ends at once", "exit 0"],
  ])("gives up a guest whose answer %s", async (_, script) => {
    const bwrapPath = await fakeBwrap("hostile", script);
    const hostile = createBubblewrap({ guestPath: defaultGuestPath, bwrapPath, log });
    const opening = hostile.open({ id: "ep-hostile", limits }, never);
    // Nothing is missing: another try may well work.
    await expect(opening).rejects.toMatchObject({ code: "SANDBOX_UNAVAILABLE", retryable: true });
  });

  it.runIf(process.getuid?.() === 0)(
    "gives each sandbox a host user of its own, for what the kernel counts per user",
    async () => {
      const boxes = [await openSandbox(), await openSandbox()];
      const users = await Promise.all(
        boxes.map(async ({ sandbox }) => {
          const pids = await processesOf(sandbox.id);
          const statuses = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/status`, "utf8")));
          return new Set(statuses.map((status) => Number(/^Uid:\s+(\d+)/m.exec(status)?.[1])));
        }),
      );
      const all = users.flatMap((one) => [...one]);
      expect(users.map((one) => one.size)).toEqual([1, 1]);
      expect(new Set(all).size).toBe(2);
      expect(all.every((user) => user > 1_000_000)).toBe(true);
    },
  );

  it("binds nothing of a home directory but Node's own folder", () => {
    const plain = bubblewrapArguments({ id: "ep-x" }, null);
    expect(plain.filter((word) => /^\/(home|root|var|run|opt|srv|mnt)/.test(word))).toEqual([]);
    const withNode = bubblewrapArguments({ id: "ep-x" }, "/home/someone/.nvm/versions/node/v24.0.0");
    expect(withNode.filter((word) => word.startsWith("/home"))).toEqual(["/home/someone/.nvm/versions/node/v24.0.0"]);
  });

  it("makes in gVisor's pods what their kernel can: no capability from outside, a network of its own all the same", async () => {
    // Linux can do all that, too, but for the loopback device, which is up in gVisor from the start.
    const guestPath = join(folder, "guest");
    await copyFile(defaultGuestPath, guestPath);
    await chmod(guestPath, 0o755);
    const gvisor = createBubblewrap({ guestPath, isUserSpaceKernel: true, log });
    const sandbox = await gvisor.open({ id: `ep-gvisor-${process.pid}`, limits, isNetworkSilent: true }, never);
    try {
      const script =
        "id -u; tail -n +3 /proc/net/dev | cut -d: -f1 | tr -d ' '; echo a > f; cat f; echo b > /usr/f; grep CapEff /proc/self/status; cat /.hindcast-guest";
      const { output, exitCode } = await sandbox.exec(
        { script, timeoutMs: 20_000, outputBytesMax: 4_096, outputBytesKill: 65_536 },
        never,
      );
      expect(exitCode).toBe(0);
      const text = Buffer.from(output).toString("utf8");
      expect(text).toMatch(/^1000\nlo\na\n.*Read-only file system\nCapEff:\t0{16}\n$/s);
    } finally {
      await sandbox.close();
    }
    const words = argumentsForUserSpaceKernel({ id: "ep-x" }, null, guestPath);
    expect(words.filter((word) => /cap-|unshare-(net|cgroup)|bind-data/.test(word))).toEqual([]);
  });

  it("finds Node's folder outside /usr, and none where /usr has Node or the folder is no installation", async () => {
    const prefix = join(folder, "node");
    await promisify(execFile)("mkdir", ["-p", join(prefix, "bin"), join(prefix, "lib/node_modules/npm")]);
    await copyFile("/bin/true", join(prefix, "bin/node"));
    expect(findNodePrefix(`/nonexistent:${prefix}/bin`)).toBe(prefix);
    expect(findNodePrefix(`/usr/bin:${prefix}/bin`)).toBe(prefix);
    expect(findNodePrefix(folder)).toBeNull();
    expect(findNodePrefix("")).toBeNull();
  });
});

describe.runIf(process.getuid?.() === 0)("as an ordinary user", () => {
  it("works as it does for root", async () => {
    const guest = join(folder, "hindcast-guest");
    await copyFile(defaultGuestPath, guest);
    const source = `
      import { createBubblewrap } from ${JSON.stringify(new URL("../../rollout-agent/src/sandbox/bubblewrap.ts", import.meta.url).href)};
      process.setgid(65534); process.setuid(65534);
      const provider = createBubblewrap({ guestPath: ${JSON.stringify(guest)}, log: { debug() {} } });
      const never = new AbortController().signal;
      const limits = ${JSON.stringify(limits)};
      console.log(await provider.problems());
      await using sandbox = await provider.open({ id: "ep-user", limits }, never);
      const command = { script: "id -u; for i in $(seq 60); do sleep 5 & done", timeoutMs: 9000, outputBytesMax: 999, outputBytesKill: 9999 };
      const { output, killed } = await sandbox.exec(command, never);
      console.log(Buffer.from(output).toString().split("\\n")[0], killed);`;
    const { stdout } = await promisify(execFile)(
      process.execPath,
      ["--conditions=source", "--input-type=module", "-e", source],
      { cwd: "/" },
    );
    expect(stdout).toBe("[]\n1000 processes\n");
  });
});
