// Hostile probes: each tries to reach something outside its sandbox. The control at the end runs probes without a
// sandbox, where they succeed, so a probe that fails for a reason of its own does not count as isolation.
// Requirements: 3.5.isolation
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { createServer } from "node:net";
import { homedir, tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { describeSandbox, isUserSpaceKernel, openSandbox } from "./sandbox-fixture.ts";

const run = promisify(execFile);
const server = createServer((socket) => socket.on("error", () => {}).end("host\n"));
let port = 0;
let folder = "";

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), "hindcast-host-"));
  await writeFile(join(folder, "secret"), "a file of the host\n");
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const address = server.address();
  port = typeof address === "object" && address !== null ? address.port : 0;
});

afterAll(async () => {
  server.close();
  await rm(folder, { recursive: true });
});

const unreachable = isUserSpaceKernel ? /unreachable|No route to host/ : /Network is unreachable/;

/** Scripts that must fail inside, by what they would reach. */
const refused: [what: string, script: string][] = [
  ["the host's shadow file", "cat /etc/shadow"],
  ["root's home", "ls /root"],
  ["sockets of the host", "ls /run/docker.sock /run/dbus /var/run /tmp/.X11-unix"],
  ["variable data of the host", "ls /var/lib/docker /var/cache/hindcast"],
  ["/sys", "ls /sys/kernel"],
  ["kernel settings", "echo 1 > /proc/sys/kernel/panic"],
  ["sysrq", "echo h > /proc/sysrq-trigger"],
  ["system directories, for writing", "touch /usr/bin/mine"],
  ["/etc, for writing", "touch /etc/mine"],
  ["/, for writing", "touch /mine"],
  ["/dev, for writing", "touch /dev/mine"],
  ["the guest's own scripts, for writing", "echo : >> /etc/hindcast/save.bash"],
  ["block devices", "mknod disk b 254 0"],
  ["a mount", "mount -t tmpfs none /tmp"],
  ["a mount by a new namespace", "unshare --user --map-root-user --mount true"],
  ["a new network namespace", "unshare --net true"],
  ["root", "su -c true || sudo true"],
  ["a set-user-id file's rights", "cp /bin/bash b; chmod u+s b; ./b -p -c '[ $(id -u) -eq 0 ]'"],
  ["the memory of PID 1", "cat /proc/1/mem /proc/1/maps"],
  // gVisor tells their numbers, and opens none but the pipe that a command prints to.
  ["the descriptors of PID 1", isUserSpaceKernel ? "cat /proc/1/fd/[0-4]" : "ls /proc/1/fd"],
  ["the limits of PID 1", "prlimit --pid 1 --nofile=0:0"],
  ["the guest's binary", "cat /proc/1/exe /.hindcast-guest"],
  ["the kernel's log", "dmesg"],
  ["the host's command line", "grep . /proc/cmdline"],
  ["kernel keys", "grep . /proc/keys"],
  ["the clock", "date -s 2020-01-01"],
  ["the host name", "hostname other"],
  ["npm's global settings", "grep -r . /usr/etc /usr/local/etc"],
];

const refusedCalls: [name: string, code: string][] = [
  ["ptrace of PID 1", "libc.ptrace(16, 1, 0, 0)"],
  ["ptrace of any process", "libc.ptrace(0, 0, 0, 0)"],
  ["process_vm_readv", "libc.syscall(310, 1, 0, 0, 0, 0, 0)"],
  ["unshare of a user namespace", "libc.unshare(0x10000000)"],
  ["clone into a user namespace", "libc.syscall(56, 0x10000000 | 17, 0, 0, 0, 0)"],
  ["clone3", "libc.syscall(435, 0, 0)"],
  ["mount", "libc.mount(b'none', b'/tmp', b'tmpfs', 0, 0)"],
  ["keyctl", "libc.syscall(250, 0, 0)"],
  ["add_key", "libc.syscall(248, b'user', b'x', b'y', 1, -3)"],
  ["bpf", "libc.syscall(321, 0, 0, 0)"],
  ["perf_event_open", "libc.syscall(298, 0, 0, 0, 0, 0)"],
  ["userfaultfd", "libc.syscall(323, 0)"],
  ["io_uring_setup", "libc.syscall(425, 1, 0)"],
  ["memfd_create", "libc.syscall(319, b'x', 0)"],
  ["kexec_load", "libc.syscall(246, 0, 0, 0, 0)"],
  ["a netlink socket", "libc.socket(16, 3, 0)"],
  ["a packet socket", "libc.socket(17, 3, 0)"],
  ["an alg socket", "libc.socket(38, 5, 0)"],
  ["a call of the x32 table", "libc.syscall(0x40000000 + 39)"],
  ["a call from the future", "libc.syscall(9999)"],
];

describeSandbox("a sandbox", () => {
  it("refuses every reach for the host", async () => {
    const { run } = await openSandbox();
    for (const [what, script] of refused) {
      const { exitCode, text } = await run(script);
      expect(exitCode, `${what}: ${text}`).toBeGreaterThan(0);
    }
  });

  it.runIf(process.arch === "x64")("refuses dangerous system calls", async () => {
    const { sandbox, run } = await openSandbox();
    const lines = refusedCalls.map(([name, code]) => `print(${code}, ${JSON.stringify(name)})`);
    const source = ["import ctypes", "libc = ctypes.CDLL(None, use_errno=True)", ...lines].join("\n");
    await sandbox.writeFile("calls.py", Buffer.from(source));
    const { text, exitCode } = await run("python3 calls.py");
    expect({ text, exitCode }).toEqual({ text: refusedCalls.map(([name]) => `-1 ${name}\n`).join(""), exitCode: 0 });
  });

  it("shows none of the host's files, processes, users or network", async () => {
    const { run } = await openSandbox();
    expect((await run(`cat ${folder}/secret`)).exitCode).toBe(1);
    expect((await run(`ls ${homedir()}`)).exitCode).toBe(2);
    expect((await run("ls -d /proc/[0-9]* | wc -l")).text.trim()).toMatch(/^[1-6]$/);
    expect((await run("cut -d: -f1 /etc/passwd; id -u; hostname")).text).toBe("root\nagent\n1000\nsandbox\n");
    expect((await run("ls /sys/class/net 2>/dev/null || cut -d: -f1 /proc/net/dev | tail -n +3")).text.trim()).toBe(
      "lo",
    );
    expect((await run(`exec 3<>/dev/tcp/127.0.0.1/${port}`)).exitCode).toBe(1);
    expect((await run("exec 3<>/dev/tcp/1.1.1.1/53")).text).toMatch(unreachable);
  });

  it("gives commands no capability, no new privileges and a system call filter", async () => {
    const { run } = await openSandbox();
    const { text } = await run("grep -E '^(Cap|NoNewPrivs|Seccomp:)' /proc/self/status");
    const none = "0000000000000000";
    const sets = ["CapInh", "CapPrm", "CapEff", "CapBnd", ...(isUserSpaceKernel ? [] : ["CapAmb"])];
    const privileges = isUserSpaceKernel ? "" : "NoNewPrivs:\t1\n";
    expect(text).toBe(`${sets.map((name) => `${name}:\t${none}\n`).join("")}${privileges}Seccomp:\t2\n`);
  });

  it("lets programs use loopback and pipes among themselves", async () => {
    const { run } = await openSandbox();
    const source = `
      const s = require("net").createServer((c) => c.end("in here")).listen(0, "127.0.0.1", () =>
        require("net").connect(s.address().port, "127.0.0.1").on("data", (d) => { console.log(String(d)); s.close(); }))`;
    expect((await run(`node -e '${source}'`)).text).toBe("in here\n");
  });

  it("cannot be ended or stopped from inside", async () => {
    const { run } = await openSandbox();
    await run("kill -KILL 1; kill -STOP 1; kill -TERM 1; kill -SEGV 1; for s in $(seq 1 64); do kill -$s 1; done");
    expect((await run("echo alive")).text).toBe("alive\n");
    await run("kill -KILL -1");
    expect((await run("echo alive")).text).toBe("alive\n");
  });

  it("shares nothing with another sandbox", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    await one.run("echo secret | tee /workspace/f /tmp/f /home/agent/f > /dev/shm/g; sleep 60 & echo");
    const { text } = await other.run("ls /workspace /tmp /home/agent /dev/shm/; pgrep sleep");
    expect(text).toBe("/dev/shm/:\n\n/home/agent:\n\n/tmp:\n\n/workspace:\n");
  });

  it("has a writable exchange folder that cannot break the session", async () => {
    const { run } = await openSandbox();
    await run("x=1; rm -rf /run/session/*; mkdir -p /run/session/saved/deep; chmod 000 /run/session");
    await run("ln -s /etc/passwd /run/session/saved; head -c 20M /dev/zero > /run/session/junk");
    // Saving blocks on the pipe; the command's time limit bounds that too.
    expect(await run("mkfifo /run/session/cwd", { timeoutMs: 500 })).toMatchObject({ killed: "timeout" });
    expect((await run("echo still here; id -un")).text).toBe("still here\nagent\n");
  });
});

// Without this, a probe with a typing error would look like isolation.
describe("the same probes without a sandbox", () => {
  it.runIf(process.getuid?.() === 0)("reach what they are after", async () => {
    const script = [
      "cat /etc/shadow",
      "ls /var /sys/kernel",
      `cat ${folder}/secret`,
      `exec 3<>/dev/tcp/127.0.0.1/${port}`,
      "unshare --user --map-root-user --mount true",
      "ls /proc/1/fd",
    ].join(" && ");
    await expect(run("bash", ["-c", script])).resolves.toBeDefined();
  });
});
