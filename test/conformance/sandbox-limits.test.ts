// Commands that take too much: each ends as an ordinary result, and the sandbox serves the next command.
// Requirements: 3.5.limits, 3.bad.commands, 3.bad.disk-full, 3.bad.sandbox-killed
import { expect, it } from "vitest";
import {
  describeSandbox,
  isUserSpaceKernel,
  never,
  openSandbox,
  processesOf,
  slowness,
  type TestSandbox,
} from "./sandbox-fixture.ts";

const MiB = 1024 * 1024;

async function expectAlive({ run }: TestSandbox): Promise<void> {
  const { text, exitCode } = await run("echo alive; ps -e -o comm= | sort | uniq -c | sort -rn | head");
  expect(text).toMatch(/^alive\n/);
  expect(exitCode).toBe(0);
}

describeSandbox("a sandbox's limits", () => {
  it.each([
    ["sleeps", "sleep infinity"],
    ["ignores signals", "trap '' TERM INT HUP; while :; do sleep 1; done"],
    ["hides its work in the background of another session", "setsid sleep infinity & sleep infinity"],
    ["computes", "while :; do :; done"],
  ])("end a command that %s, with everything it has started", async (_, script) => {
    const box = await openSandbox();
    await box.run("x=kept");
    const result = await box.run(script, { timeoutMs: 300 });
    expect(result).toMatchObject({ exitCode: null, killed: "timeout" });
    expect(result.durationMs).toBeLessThan(15_000);
    expect((await box.run("echo $x; pgrep -c sleep")).text).toBe("kept\n0\n");
  });

  it("end a command that prints without end, and keep the head and the tail", async () => {
    const box = await openSandbox();
    const before = process.memoryUsage().rss;
    const result = await box.run("echo first; yes 'no end'", { outputBytesMax: 10_000, outputBytesKill: 1_000 * MiB });
    expect(result).toMatchObject({ exitCode: null, killed: "output", cutAt: 5_000 });
    expect(result.output.byteLength).toBe(10_000);
    expect(result.outputBytes).toBeGreaterThan(1_000 * MiB);
    expect(result.text).toMatch(/^first\nno end\n/);
    expect(process.memoryUsage().rss - before).toBeLessThan(100 * MiB);
    await expectAlive(box);
  });

  it("do not end a command that prints exactly what is allowed", async () => {
    const { run } = await openSandbox();
    const result = await run("head -c 1000000 /dev/zero | tr '\\0' x", {
      outputBytesMax: 100,
      outputBytesKill: 1_000_000,
    });
    expect(result).toMatchObject({ exitCode: 0, outputBytes: 1_000_000, cutAt: 50 });
    expect(result.text).toBe("x".repeat(100));
  });

  // gVisor has no such limit of its own; there the watch ends the command.
  it.skipIf(isUserSpaceKernel)("refuse a process beyond the limit, from which a program can recover", async () => {
    const { run } = await openSandbox({ processesMax: 32 });
    const source = `import os, signal
children = []
try:
    while len(children) < 200:
        child = os.fork()
        if child == 0:
            signal.pause()
        children.append(child)
    print("no limit")
except BlockingIOError:
    print("refused")
for child in children:
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
print(20 < len(children) < 32)`;
    expect(await run(`python3 - <<'EOF'\n${source}\nEOF`)).toMatchObject({ text: "refused\nTrue\n", exitCode: 0 });
  });

  it("end a fork bomb", async () => {
    const box = await openSandbox({ processesMax: 64 });
    const result = await box.run("bomb() { bomb | bomb & }; bomb; wait; sleep 5", { timeoutMs: 15_000 });
    expect(result.killed).toBe("processes");
    await expectAlive(box);
  });

  it("clear away a fork bomb that the command leaves behind", async () => {
    const box = await openSandbox({ processesMax: 64 });
    await box.run("x=kept; for i in $(seq 200); do sleep 60 & done", { timeoutMs: 15_000 });
    const { text } = await box.run("echo $x");
    expect(text).toMatch(/^(kept)?\n$/);
    await expectAlive(box);
  });

  it("refuse memory to one greedy process", async () => {
    const box = await openSandbox({ memoryBytesMax: 128 * MiB });
    const result = await box.run("head -c 1G /dev/zero | tail | wc -c; echo ended");
    expect(result.killed === "memory" || result.text.includes("memory exhausted")).toBe(true);
    await expectAlive(box);
  });

  it("end many processes that are greedy together", async () => {
    const box = await openSandbox({ memoryBytesMax: 128 * MiB });
    const hold = `python3 -c 'import time; x = b"x" * ${40 * MiB}; time.sleep(20)'`;
    const result = await box.run(`for i in 1 2 3 4 5 6; do ${hold} & done; wait`);
    expect(result).toMatchObject({ exitCode: null, killed: "memory" });
    await expectAlive(box);
  });

  it("hold also while the files are read for a snapshot", async () => {
    const box = await openSandbox({ memoryBytesMax: 64 * MiB, diskBytesMax: 96 * MiB });
    // Longer than the watch ever looks away, and than a busy machine takes from the first's start to the last's.
    const source = `import time; time.sleep(0.1); x = b"x" * ${40 * MiB}; time.sleep(3); open("/tmp/survived", "w")`;
    await box.run(`head -c 80M /dev/urandom > noise; for i in 1 2 3; do python3 -c '${source}' & done`);
    await box.sandbox.snapshot(96 * MiB, never);
    const { text } = await box.run("while pgrep python3 > /dev/null; do sleep 0.1; done; ls /tmp; echo looked");
    expect(text).toBe("looked\n");
  });

  it("count pages that processes share only once", async () => {
    const { run } = await openSandbox({ memoryBytesMax: 128 * MiB });
    const source = `import os, time
x = b"x" * ${60 * MiB}
for i in range(5):
    if os.fork() == 0:
        time.sleep(0.3)
        os._exit(0)
time.sleep(0.3)
print("shared")`;
    expect(await run(`python3 - <<'EOF'\n${source}\nEOF`)).toMatchObject({ text: "shared\n", exitCode: 0 });
  });

  it("leave programs alone that have a few hundred sockets and pipes", async () => {
    const { run } = await openSandbox({ memoryBytesMax: 256 * MiB });
    const source = `import os, socket, time
held = [socket.socketpair() for _ in range(300)] + [os.pipe() for _ in range(600)]
time.sleep(0.3)
print(len(held))`;
    expect(await run(`python3 - <<'EOF'\n${source}\nEOF`)).toMatchObject({ text: "900\n", exitCode: 0 });
  });

  it("let Node and npm run in modest memory", async () => {
    const { run } = await openSandbox({ memoryBytesMax: 256 * MiB });
    expect(await run("node -e 'console.log(\"ok\")' && npm init -y >/dev/null && npm pkg get name")).toMatchObject({
      text: 'ok\n"workspace"\n',
      exitCode: 0,
    });
  });

  it("bound the disk over all writable folders together, and leave room for the session", async () => {
    const box = await openSandbox({ diskBytesMax: 8 * MiB });
    const { text } = await box.run("head -c 6M /dev/zero > a; head -c 6M /dev/zero > /tmp/b; echo $?; x=kept; cd /tmp");
    expect(text).toContain("No space left on device\n1\n");
    expect((await box.run("echo y > c; echo $x; pwd")).text).toContain("kept\n/tmp\n");
    await expect(box.sandbox.writeFile("more", Buffer.alloc(4 * MiB))).rejects.toMatchObject({ code: "SANDBOX_FULL" });
    await box.run("rm -f /tmp/b /workspace/a");
    await box.sandbox.writeFile("more", Buffer.alloc(4 * MiB));
    expect((await box.state()).effects.map(({ path }) => path)).toContain("/workspace/more");
  });

  // gVisor tells no hole from zeros: reading them takes as long as they are, and at worst the sandbox is given up.
  it.skipIf(isUserSpaceKernel)("bound the time of reading files that are nothing but holes", async () => {
    const box = await openSandbox();
    const { text } = await box.run(
      "truncate -s 1T t; truncate -s 60M f; for i in $(seq 300); do cp f f$i; done; ls | wc -l",
    );
    expect(text).toMatch(/File size limit exceeded.*\n302\n$/);
    const startedAt = performance.now();
    const { filesHash } = await box.state();
    expect(await box.sandbox.snapshot(32 * MiB, never)).toBeNull();
    // Reading the holes byte by byte takes minutes.
    expect(performance.now() - startedAt).toBeLessThan(15_000 * slowness);
    await box.run("rm f[0-9]*; rm f; head -c 60M /dev/zero > f; for i in $(seq 300); do truncate -s 60M f$i; done");
    expect((await box.state()).filesHash).toBe(filesHash);
  });

  // gVisor's memory file system has no limit of names; the container's memory is the limit.
  it.skipIf(isUserSpaceKernel)("bound the number of files", async () => {
    const box = await openSandbox({ diskBytesMax: 256 * MiB });
    const source = "import os\nfor i in range(200000): os.close(os.open(f'f{i}', os.O_CREAT))";
    await box.run(`mkdir many; cd many; python3 - <<'EOF'\n${source}\nEOF`);
    expect((await box.run("ls -f . .. | wc -l")).text.trim()).toMatch(/^\d{5,6}$/);
    const state = await box.state();
    expect(state.effects).toHaveLength(50);
    expect(state.effectsOmitted).toBeLessThan(100_000);
  });

  it("hold for a directory that is deeper than any path", async () => {
    const box = await openSandbox();
    const source = "import os\nfor i in range(3000): os.mkdir('dddd'); os.chdir('dddd')";
    expect(await box.run(`python3 - <<'EOF'\n${source}\nEOF`)).toMatchObject({ exitCode: 0 });
    const { stateHash } = await box.state();
    expect(stateHash).toMatch(/^[0-9a-f]{64}$/);
    const snapshot = await box.sandbox.snapshot(32 * MiB, never);
    expect(snapshot).not.toBeNull();
    await box.sandbox.restore(snapshot ?? Buffer.alloc(0), never);
    await expectAlive(box);
  });

  it("survive an environment that no program can be started with", async () => {
    const box = await openSandbox();
    expect((await box.run("export huge=$(head -c 1000000 /dev/zero | tr '\\0' a); ls")).exitCode).toBe(126);
    await box.run("unset huge");
    await expectAlive(box);
  });

  it("end a command whose caller has lost interest", async () => {
    const box = await openSandbox();
    const controller = new AbortController();
    const command = { script: "sleep 30", timeoutMs: 60_000, outputBytesMax: 100, outputBytesKill: 1_000 };
    const running = box.sandbox.exec(command, controller.signal);
    controller.abort(new Error("enough"));
    await expect(running).rejects.toThrow("enough");
    expect((await box.run("pgrep -c sleep")).text).toBe("0\n");
  });
});

describeSandbox("a sandbox that was killed from outside", () => {
  it("is lost, which is retryable and no result of the command", async () => {
    const { sandbox, run } = await openSandbox();
    const { text } = await run("echo $PPID");
    expect(text).toBe("1\n");
    const running = run("sleep 30");
    for (const pid of await processesOf(sandbox.id)) process.kill(pid, "SIGKILL");
    await expect(running).rejects.toMatchObject({ code: "SANDBOX_LOST", boundary: "sandbox", retryable: true });
    await expect(run("true")).rejects.toMatchObject({ code: "SANDBOX_LOST" });
    await sandbox.close();
  });
});
