// What every driver's sandboxes can do beside running commands: input, output as it comes, connections, forks, mounts.
// Requirements: 6.1.contract, 6.1.connect, 6.1.fork, 6.1.stream, 6.2.bubblewrap, 6.3.container, 6.4.vm
import { chmod, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Duplex } from "node:stream";
import { afterAll, beforeAll, expect, inject, it } from "vitest";
import { createSandboxProvider, type GivenSandboxes } from "../support/given-sandboxes.ts";
import { describeSandbox, never, openSandbox, processesOf, provider, testSandbox } from "./sandbox-fixture.ts";

const limits = { memoryBytesMax: 2 ** 28, diskBytesMax: 2 ** 22, processesMax: 32 };
const KiB = 1024;

/** Sends back what it receives, and ends when its peer does. */
const echoServer = `
import socketserver
class Echo(socketserver.BaseRequestHandler):
    def handle(self):
        while data := self.request.recv(65536):
            self.request.sendall(data)
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
with Server(("127.0.0.1", 7000), Echo) as server:
    print("listening", flush=True)
    server.serve_forever()
`;
const startEcho = `python3 -u echo.py > log & until grep -q listening log; do sleep 0.02; done`;

async function readAll(stream: Duplex): Promise<Buffer> {
  const chunks: Buffer[] = [];
  for await (const chunk of stream) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks);
}

describeSandbox("a command", () => {
  it("reads what it is given, as it is", async () => {
    const { run } = await openSandbox();
    const stdin = Buffer.from([0, 255, 10, 0x68, 0x69]);
    expect((await run("od -An -tx1", { stdin })).text.trim()).toBe("00 ff 0a 68 69");
    expect((await run("read -r a b; echo $b-$a; cat", { stdin: Buffer.from("1 2\nrest") })).text).toBe("2-1\nrest");
    expect((await run("cat")).text).toBe("");
  });

  it("reads megabytes, and no more than is allowed", async () => {
    const { run } = await openSandbox();
    expect((await run("wc -c", { stdin: Buffer.alloc(4 * KiB * KiB, "x") })).text.trim()).toBe("4194304");
    const tooMuch = run("wc -c", { stdin: Buffer.alloc(4 * KiB * KiB + 1) });
    await expect(tooMuch).rejects.toMatchObject({ code: "SANDBOX_TOO_LARGE" });
    expect((await run("ls -A /run/session")).text).not.toContain("input");
  });

  it("shows its output while it runs, each byte once and in order", async () => {
    const { run } = await openSandbox();
    let seen = "";
    let isRunning = true;
    const whileRunning: string[] = [];
    const onOutput = (chunk: Uint8Array): void => {
      seen += Buffer.from(chunk).toString();
      if (isRunning && seen === "first\n") whileRunning.push(seen);
    };
    const result = await run("echo first; sleep 0.5; echo second >&2", { onOutput });
    isRunning = false;
    expect(whileRunning).toEqual(["first\n"]);
    expect(seen).toBe("first\nsecond\n");
    expect(result.text).toBe(seen);
    seen = "";
    const many = await run("seq 300000", { onOutput, outputBytesMax: 1_000 });
    expect(seen).toBe(Array.from({ length: 300_000 }, (_, index) => `${index + 1}\n`).join(""));
    expect(many.outputBytes).toBe(seen.length);
    expect(many.output).toHaveLength(1_000);
  });
});

describeSandbox("a connection", () => {
  it("reaches what listens inside, many at a time and also while a command runs", async () => {
    const { sandbox, run } = await openSandbox();
    await sandbox.writeFile("echo.py", Buffer.from(echoServer));
    await run(startEcho);
    const busy = run("sleep 1; echo done");
    const texts = Array.from({ length: 8 }, (_, index) => `number ${index}`);
    const answers = await Promise.all(
      texts.map(async (text) => {
        const stream = await sandbox.connect(7000);
        stream.end(text);
        return (await readAll(stream)).toString();
      }),
    );
    expect(answers).toEqual(texts);
    expect((await busy).text).toBe("done\n");
  });

  it("carries megabytes both ways at once, at the reader's pace", async () => {
    const { sandbox, run } = await openSandbox();
    await sandbox.writeFile("echo.py", Buffer.from(echoServer));
    await run(startEcho);
    const sent = Buffer.from(Array.from({ length: 1_500 * KiB }, (_, index) => (index * 31) % 251));
    const stream = await sandbox.connect(7000);
    stream.end(sent);
    // Nobody reads yet: what comes back waits inside, and the channel stays free for commands.
    expect((await run("echo free")).text).toBe("free\n");
    expect(Buffer.compare(await readAll(stream), sent)).toBe(0);
  });

  it("is refused where nothing listens, and ends with its peer or its sandbox", async () => {
    const { sandbox, run } = await openSandbox();
    await expect(sandbox.connect(7001)).rejects.toMatchObject({ code: "SANDBOX_PORT_CLOSED", boundary: "sandbox" });
    await sandbox.writeFile("echo.py", Buffer.from(echoServer));
    await run(startEcho);
    const [first, second] = [await sandbox.connect(7000), await sandbox.connect(7000)];
    first.write("x");
    second.on("error", () => {});
    await run("pkill -f echo.py");
    expect((await readAll(first)).toString()).toMatch(/^x?$/);
    await expect(sandbox.connect(7000)).rejects.toMatchObject({ code: "SANDBOX_PORT_CLOSED" });
    await sandbox.close();
    await expect(sandbox.connect(7000)).rejects.toMatchObject({ code: "SANDBOX_LOST" });
    await expect.poll(() => second.destroyed || second.readableEnded).toBe(true);
  });

  it("reaches its own episode only", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    await one.sandbox.writeFile("echo.py", Buffer.from(echoServer));
    await one.run(startEcho);
    await expect(other.sandbox.connect(7000)).rejects.toMatchObject({ code: "SANDBOX_PORT_CLOSED" });
    expect((await other.run("exec 3<>/dev/tcp/127.0.0.1/7000")).exitCode).toBe(1);
  });
});

describeSandbox("a fork", () => {
  it("has equal files and an equal session, and goes its own way", async () => {
    const { sandbox, run, state } = await openSandbox();
    await run("mkdir d && cd d && echo one > f && x=kept && chmod 600 f; sleep 60 &");
    const twin = testSandbox(await sandbox.fork(`${sandbox.id}-fork`, never));
    expect((await twin.state()).stateHash).toBe((await state()).stateHash);
    expect((await twin.run("pwd; echo $x; cat f; pgrep -c sleep; echo two > f")).text).toBe(
      "/workspace/d\nkept\none\n0\n",
    );
    expect((await run("cat f")).text).toBe("one\n");
  });
});

describeSandbox("a mount", () => {
  let folder = "";
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), "hindcast-mount-"));
    await writeFile(join(folder, "data"), "of the host\n", { mode: 0o644 });
    await chmod(folder, 0o755);
  });
  afterAll(() => rm(folder, { recursive: true }));

  it("shows a folder of the host, for reading only", async () => {
    const { run } = await openSandbox({}, { mounts: [{ source: folder, target: "/opt/data" }] });
    expect((await run("cat /opt/data/data")).text).toBe("of the host\n");
    expect((await run("echo x > /opt/data/data || touch /opt/data/new")).exitCode).toBe(1);
    expect((await run("ls /opt/data")).text).not.toContain("new");
  });
});

describeSandbox("an image", () => {
  const given: GivenSandboxes | undefined = inject("sandboxes");
  const image = given?.image;

  it.runIf(image !== undefined)("is the same system in bubblewrap, and as closed to writing", async () => {
    const { run } = await openSandbox();
    const bubblewrap = createSandboxProvider(undefined);
    const id = `ep-image-${provider.name}-${process.pid}`;
    const mounts = [{ source: "/usr/share/doc", target: "/opt/some/docs" }];
    const inBubblewrap = testSandbox(await bubblewrap.open({ id, limits, mounts, ...(image && { image }) }, never));
    const look = "ls -A /usr/bin /usr/lib | md5sum; cat /etc/debian_version /etc/passwd; id; ls -A /home /workspace";
    const { text } = await inBubblewrap.run(look);
    expect(text).toBe((await run(look)).text);
    expect(text).toContain("uid=1000(agent)");
    expect((await inBubblewrap.run("ls /opt/some/docs | head -1; git --version")).exitCode).toBe(0);
    for (const path of ["/usr/bin/x", "/etc/x", "/var/x", "/x", "/opt/some/docs/x"]) {
      expect((await inBubblewrap.run(`touch ${path}`)).exitCode, path).toBe(1);
    }
  });
});

describeSandbox("opening", () => {
  it("ends an earlier sandbox of the same id first", async () => {
    const id = `ep-same-${provider.name}-${process.pid}`;
    const first = await provider.open({ id, limits }, never);
    await first.writeFile("f", Buffer.from("x"));
    const before = await processesOf(id);
    await using second = await provider.open({ id, limits }, never);
    const after = await processesOf(id);
    expect(after.filter((pid) => before.includes(pid))).toEqual([]);
    expect(after).not.toEqual([]);
    expect((await second.state(never)).effects).toEqual([]);
    await expect(first.state(never)).rejects.toMatchObject({ code: "SANDBOX_LOST" });
  });

  it("opens nothing for a caller that has gone", async () => {
    const id = `ep-gone-${provider.name}`;
    const opening = provider.open({ id, limits }, AbortSignal.abort(new Error("gone")));
    await expect(opening).rejects.toThrow("gone");
    expect(await processesOf(id)).toEqual([]);
  });

  it("opens many at once, and leaves no process of any", async () => {
    const boxes = await Promise.all(Array.from({ length: 8 }, () => openSandbox(limits)));
    const texts = await Promise.all(boxes.map(async ({ run }, index) => (await run(`echo ${index}`)).text));
    expect(texts).toEqual(boxes.map((_, index) => `${index}\n`));
    await Promise.all(boxes.map(({ sandbox }) => sandbox.close()));
    const left = await Promise.all(boxes.map(({ sandbox }) => processesOf(sandbox.id)));
    expect(left.flat()).toEqual([]);
  });

  it("gives each its own time and random numbers, wherever it starts from", async () => {
    const [one, other] = [await openSandbox(limits), await openSandbox(limits)];
    const random = "od -An -N16 -tx1 /dev/urandom";
    expect((await one.run(random)).text).not.toBe((await other.run(random)).text);
    const seconds = Number((await one.run("date +%s")).text);
    expect(Math.abs(seconds - Date.now() / 1_000)).toBeLessThan(10);
  });
});
