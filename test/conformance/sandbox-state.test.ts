// The state of the writable files: its hash, what changed, and archives that bring it back.
// Requirements: 3.5.snapshot, 3.5.isolation, 5.9.snapshots
import { constants, deflateRawSync, gzipSync } from "node:zlib";
import type { BlobRef, Sha256 } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { getImage, putImage } from "../../rollout-agent/src/episode/snapshot-images.ts";
import { describeSandbox, isUserSpaceKernel, never, openSandbox, type TestSandbox } from "./sandbox-fixture.ts";

const MiB = 1024 * 1024;
const work = `mkdir -p src && echo 'one' > src/a.txt && ln -s a.txt src/link && chmod 750 src && touch empty
git init -q repo && cd repo && echo x > f && git add f && git commit -qm first && git status --short
npm init -y >/dev/null; git config --global user.name Someone`;

async function snapshotOf({ sandbox }: TestSandbox): Promise<Uint8Array> {
  const snapshot = await sandbox.snapshot(32 * MiB, never);
  if (snapshot === null) throw new Error("the snapshot is too large");
  return snapshot;
}

/** One tar entry by hand, or the head of one: what a careful archiver would never write. */
function tarEntry(name: string, type: string, content: string | { bytes: number }, link = ""): Buffer {
  const text = typeof content === "string" ? content : "";
  const size = typeof content === "string" ? Buffer.byteLength(content) : content.bytes;
  const header = Buffer.alloc(512);
  header.write(name, 0);
  header.write("0000644\0", 100);
  header.write(`${size.toString(8).padStart(11, "0")}\0`, 124);
  header.write("00000000000\0", 136);
  header.write("        ", 148);
  header.write(type, 156);
  header.write(link, 157);
  header.write("ustar\u000000", 257);
  const sum = header.reduce((total, byte) => total + byte, 0);
  header.write(`${sum.toString(8).padStart(6, "0")}\0 `, 148);
  const padding = Buffer.alloc((512 - (Buffer.byteLength(text) % 512)) % 512);
  return Buffer.concat([header, Buffer.from(text), padding]);
}

const session = tarEntry("session", "0", "hindcast-session-1 0 10\n/workspaceumask 0022\n");
const archive = (...entries: Buffer[]): Buffer => gzipSync(Buffer.concat([...entries, Buffer.alloc(1024)]));

describeSandbox("a sandbox's state", () => {
  it("is equal after equal commands in two sandboxes at two times", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    await one.run(work);
    await other.run("sleep 1.1");
    await other.run(work);
    const [first, second] = [await one.state(), await other.state()];
    expect(second.stateHash).toBe(first.stateHash);
    expect([...(await other.sandbox.entries(never))]).toEqual([...(await one.sandbox.entries(never))]);
  });

  it.each([
    ["content", "echo two > a"],
    ["content of the same length and time", "echo owt > new; touch -r a new; cat new > a; touch -r new a; rm new"],
    ["a mode", "chmod 600 a"],
    ["a new file", "touch b"],
    ["a new directory", "mkdir d"],
    ["a removed file", "rm a"],
    ["a link instead of a file", "mv a /tmp/a; ln -s /tmp/a a"],
    ["a link's target", "ln -sf elsewhere link"],
    ["a file in the home directory", "touch ~/.gitconfig"],
    ["a file that nobody may read", "echo hidden > a; chmod 000 a"],
  ])("differs after a change of %s", async (_, script) => {
    const { run, state } = await openSandbox();
    await run("echo one > a; ln -s a link");
    const before = await state();
    await run(script);
    const after = await state();
    expect(after.filesHash).not.toBe(before.filesHash);
    expect(after.stateHash).not.toBe(before.stateHash);
  });

  it.each([
    ["times", "touch -d 2001-01-01 a"],
    ["temporary files", "echo x > /tmp/x"],
    ["variables", "x=1"],
    ["logs and caches", "mkdir -p ~/.npm/_logs ~/.cache; echo $RANDOM > ~/.npm/_logs/x; echo $RANDOM > ~/.cache/y"],
    ["git's memory of times", "cd r && sleep 0.01 && touch f && git status --short && cd .."],
  ])("does not depend on %s", async (_, script) => {
    const { run, state } = await openSandbox();
    await run("echo one > a; git init -q r; echo f > r/f; git -C r add f");
    const before = await state();
    await run(script);
    expect(await state()).toEqual({ ...before, effects: [], effectsOmitted: 0 });
  });

  it("knows nothing of a socket that a program has left, as no snapshot does", async () => {
    const { run, sandbox } = await openSandbox();
    const before = (await sandbox.state(never)).stateHash;
    const bind = `python3 -c 'import socket; socket.socket(socket.AF_UNIX).bind("left")'; test -S left && echo bound`;
    expect((await run(bind)).text).toBe("bound\n");
    expect((await sandbox.state(never)).stateHash).toBe(before);
  });

  it("includes the working directory, and tells the files apart from it", async () => {
    const { run, state } = await openSandbox();
    const before = await state();
    await run("cd /tmp");
    const after = await state();
    expect(after.filesHash).toBe(before.filesHash);
    expect(after.stateHash).not.toBe(before.stateHash);
    expect(after.workingDirectory).toBe("/tmp");
  });

  it("sees what a git index stages", async () => {
    const { run, state } = await openSandbox();
    await run("git init -q .; echo 1 > f; git add f; git commit -qm 1; echo 2 > f");
    const before = await state();
    await run("git add f");
    expect((await state()).effects.map(({ path }) => path)).toContain("/workspace/.git/index");
    expect((await state()).filesHash).not.toBe(before.filesHash);
  });

  it("tells created, modified and removed paths with their text before and after", async () => {
    const { run, state } = await openSandbox();
    await run("echo old > m; echo gone > r; head -c 5000 /dev/zero | tr '\\0' x > long; printf 'a\\0b' > binary");
    await state();
    await run("echo new > m; rm r; echo c > c; echo y >> long; echo y >> binary; ln -s m link; mkdir d");
    const { effects, effectsOmitted } = await state();
    expect(effects).toEqual([
      { change: "modified", path: "/workspace/binary", before: null, after: null },
      { change: "created", path: "/workspace/c", before: null, after: "c\n" },
      { change: "created", path: "/workspace/d", before: null, after: null },
      { change: "created", path: "/workspace/link", before: null, after: "m" },
      { change: "modified", path: "/workspace/long", before: null, after: null },
      { change: "modified", path: "/workspace/m", before: "old\n", after: "new\n" },
      { change: "removed", path: "/workspace/r", before: "gone\n", after: null },
    ]);
    expect(effectsOmitted).toBe(0);
    expect((await state()).effects).toEqual([]);
  });

  it("tells the first fifty changes, a repository's own files last, and counts the rest", async () => {
    const { run, state } = await openSandbox();
    await run("git init -q .; for i in $(seq 100 150); do touch z$i; done");
    const { effects, effectsOmitted } = await state();
    expect(effects).toHaveLength(50);
    expect(effects[0]?.path).toBe("/workspace/.git");
    expect(effects[1]?.path).toBe("/workspace/z100");
    expect(effectsOmitted).toBeGreaterThan(2);
  });
});

describeSandbox("a snapshot", () => {
  it("brings back files, links, modes and the session in another sandbox", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    await one.run(work);
    await one.run(
      "ln a.hard b.hard 2>/dev/null; cd ../src; x='kept'; f() { echo f; }; umask 077; echo t > /tmp/t; chmod 000 a.txt",
    );
    await one.run("mkdir locked && touch locked/in && chmod 500 locked; mkfifo pipe; echo h > h1; ln h1 h2; exit 6");
    const before = await one.state();
    await other.run("touch stray; y=stray");
    await other.sandbox.restore(await snapshotOf(one), never);
    expect(await other.state()).toMatchObject({ stateHash: before.stateHash, workingDirectory: "/workspace/src" });
    const { text } = await other.run(
      'echo "$? $x ${y-none}"; f; umask; cat /tmp/t; [ h1 -ef h2 ] && echo same; stat -c %a locked a.txt; ls ../stray 2>&1',
    );
    expect(text).toMatch(/^6 kept none\nf\n0077\nt\nsame\n500\n0\nls: cannot access/);
    expect((await other.run("cd ../repo; git status --short; git log --format=%s; git fsck 2>&1")).text).toBe(
      "?? package.json\nfirst\n",
    );
  });

  it("brings back the same state when it was stored unpacked, to share what does not change", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    await one.run(`${work}\nhead -c 200000 /dev/urandom > large; export NAME=kept`);
    const stored = new Map<string, Uint8Array>();
    const put = (bytes: Uint8Array): Promise<BlobRef> => {
      const sha256 = sha256Hex(bytes) as Sha256;
      stored.set(sha256, bytes);
      return Promise.resolve({ sha256, bytes: bytes.length });
    };
    const get = ({ sha256 }: BlobRef): Promise<Uint8Array> => Promise.resolve(stored.get(sha256) ?? new Uint8Array());
    const image = await snapshotOf(one);
    const ref = await putImage({ put, get }, image);
    expect(ref.bytes).toBeGreaterThan(image.length);
    await other.sandbox.restore(await getImage({ get }, ref), never);
    expect((await other.state()).stateHash).toBe((await one.state()).stateHash);
    expect((await other.run("echo $NAME")).text).toBe("kept\n");
  });

  it("has equal bytes for equal states", async () => {
    const [one, other] = [await openSandbox(), await openSandbox()];
    const files = "mkdir -p d/e; echo x > d/f; ln -s ./f d/link; ln d/f d/g; cd d; x=1";
    await one.run(files);
    await other.run(`sleep 0.05; ${files}`);
    expect(Buffer.compare(await snapshotOf(one), await snapshotOf(other))).toBe(0);
    const restored = await openSandbox();
    await restored.sandbox.restore(await snapshotOf(one), never);
    expect(Buffer.compare(await snapshotOf(one), await snapshotOf(restored))).toBe(0);
  });

  it("is null above its limit", async () => {
    const { run, sandbox } = await openSandbox();
    await run("head -c 1000000 /dev/urandom > noise");
    expect(await sandbox.snapshot(500_000, never)).toBeNull();
    expect(await sandbox.snapshot(2_000_000, never)).not.toBeNull();
  });

  it("is refused where it does not fit", async () => {
    const one = await openSandbox({ diskBytesMax: 16 * MiB });
    await one.run("head -c 8M /dev/zero > zeros");
    const other = await openSandbox({ diskBytesMax: 4 * MiB });
    const restoring = other.sandbox.restore(await snapshotOf(one), never);
    await expect(restoring).rejects.toMatchObject({ code: "SANDBOX_TOO_LARGE" });
  });

  it("is not unpacked to more than any sandbox could have packed, whatever it is made of", async () => {
    const { sandbox, run } = await openSandbox({ diskBytesMax: MiB });
    const name = tarEntry("././@LongLink", "L", { bytes: 210 * MiB });
    // Compressed once and repeated: nobody gets to its end, where a sum of it would stand.
    const flushed = { finishFlush: constants.Z_FULL_FLUSH };
    const zeros = deflateRawSync(Buffer.alloc(MiB), flushed);
    const start = deflateRawSync(Buffer.concat([session, name]), flushed);
    const bomb = Buffer.concat([gzipSync("").subarray(0, 10), start, ...Array<Buffer>(210).fill(zeros)]);
    expect(bomb.byteLength).toBeLessThan(MiB);
    await expect(sandbox.restore(bomb, never)).rejects.toMatchObject({ code: "SANDBOX_TOO_LARGE" });
    expect((await run("echo alive")).text).toBe("alive\n");
  });

  it("is neither taken nor hashed where the names alone are too many", async () => {
    const { sandbox, run, state } = await openSandbox();
    const source = `import os
for _ in range(15):
    os.mkdir('d' * 250)
    os.chdir('d' * 250)
for count in range(5000):
    open(str(count), 'w').close()`;
    expect(await run(`python3 - <<'EOF'\n${source}\nEOF`)).toMatchObject({ exitCode: 0 });
    await expect(state()).rejects.toMatchObject({ code: "SANDBOX_TOO_LARGE", retryable: false });
    expect(await sandbox.snapshot(32 * MiB, never)).toBeNull();
    await run("rm -r d*");
    expect((await state()).effects).toEqual([]);
  });

  it("ends what runs when it is restored", async () => {
    const box = await openSandbox();
    const snapshot = await snapshotOf(box);
    await box.run("(while :; do echo x >> growing; sleep 0.01; done) & true");
    await box.sandbox.restore(snapshot, never);
    expect((await box.run("ls; pgrep -c sleep")).text).toBe("0\n");
  });

  it("follows no link that a command has planted", async () => {
    const box = await openSandbox();
    await box.run(
      "ln -s /etc etc; ln -s /proc/1 proc; ln -s / root; mkdir d; touch d/f; ln -s loop loop; ln -s ./d/../$(printf %0200d 0) long",
    );
    const snapshot = await snapshotOf(box);
    expect(snapshot.byteLength).toBeLessThan(20_000);
    await box.sandbox.restore(snapshot, never);
    expect((await box.run("readlink etc proc root loop long")).text).toBe(
      `/etc\n/proc/1\n/\nloop\n./d/../${"0".repeat(200)}\n`,
    );
  });

  it.each([
    ["a path that climbs out", archive(session, tarEntry("workspace/../../etc/passwd", "0", "x"))],
    ["an absolute path", archive(session, tarEntry("/etc/passwd", "0", "x"))],
    ["another root", archive(session, tarEntry("etc/passwd", "0", "x"))],
    [
      "a file behind a link",
      archive(session, tarEntry("workspace/l", "2", "", "/usr"), tarEntry("workspace/l/x", "0", "x")),
    ],
    ["a hard link to the outside", archive(session, tarEntry("workspace/l", "1", "", "/etc/passwd"))],
    ["a device", archive(session, tarEntry("workspace/disk", "4", ""))],
    ["no session", archive(tarEntry("workspace/x", "0", "x"))],
    ["no archive at all", Buffer.from("not an archive")],
    ["an archive that is cut", archive(session, tarEntry("workspace/x", "0", "x".repeat(3_000))).subarray(0, 60)],
  ])("is refused when it holds %s", async (_, bytes) => {
    const { sandbox, run } = await openSandbox();
    await expect(sandbox.restore(bytes, never)).rejects.toMatchObject({ name: "HindcastError" });
    expect((await run("echo alive")).text).toBe("alive\n");
  });
});

describeSandbox("a sandbox's files", () => {
  it("are written with their folders and read back", async () => {
    const { sandbox, run } = await openSandbox();
    const bytes = Buffer.from([0, 255, 10, 128]);
    await sandbox.writeFile("a/b/c.bin", bytes);
    await sandbox.writeFile("a/b/c.bin", bytes);
    expect(Buffer.from(await sandbox.readFile("a/b/c.bin", 100))).toEqual(bytes);
    expect((await run("stat -c '%U %a' a/b a/b/c.bin; rm -r a && echo removed")).text).toBe(
      "agent 755\nagent 644\nremoved\n",
    );
  });

  it.each(["../x", "/etc/passwd", "a/../../x", "", "out/passwd", "proc/fd/0"])(
    "are never outside the workspace: %s",
    async (path) => {
      const { sandbox, run } = await openSandbox();
      await run("ln -s /etc out; ln -s /proc/1 proc");
      await expect(sandbox.writeFile(path, Buffer.from("x"))).rejects.toMatchObject({ name: "HindcastError" });
      await expect(sandbox.readFile(path, 1_000)).rejects.toMatchObject({ name: "HindcastError" });
    },
  );

  it("refuse what is no regular file, is missing or too large", async () => {
    const { sandbox, run } = await openSandbox();
    await run("mkfifo pipe; mkdir dir; head -c 1000 /dev/zero > big; ln -s loop loop");
    for (const path of ["pipe", "dir", "missing", "loop"]) {
      await expect(sandbox.readFile(path, 100)).rejects.toMatchObject({ code: "INTERNAL" });
    }
    await expect(sandbox.writeFile("pipe", Buffer.from("x"))).rejects.toMatchObject({ name: "HindcastError" });
    await expect(sandbox.readFile("big", 100)).rejects.toMatchObject({ code: "SANDBOX_TOO_LARGE" });
  });

  it("refuse what a command has put in the way, without being lost for it", async () => {
    const { sandbox, run } = await openSandbox();
    const source = `import fcntl, signal, socket, time
socket.socket(socket.AF_UNIX).bind("socket")
signal.signal(signal.SIGIO, signal.SIG_IGN)
leased = open("leased", "w")
if ${isUserSpaceKernel ? "False" : "True"}: fcntl.fcntl(leased, fcntl.F_SETLEASE, fcntl.F_WRLCK)
open("ready", "w")
time.sleep(60)`;
    const { text } = await run(
      `cp /bin/sleep busy; ./busy 60 & python3 -c '${source}' & while [ ! -e ready ]; do sleep 0.05; done; echo yes`,
    );
    expect(text).toBe("yes\n");
    // gVisor knows no leases, and lets programs be written that run.
    const paths = ["socket", "nul\0byte", ...(isUserSpaceKernel ? [] : ["leased", "busy"])];
    for (const path of paths) {
      const refused = { code: "INTERNAL", retryable: false };
      await expect(sandbox.writeFile(path, Buffer.from("x")), path).rejects.toMatchObject(refused);
      if (path !== "busy") await expect(sandbox.readFile(path, 100), path).rejects.toMatchObject(refused);
    }
    expect((await run("echo alive")).text).toBe("alive\n");
  });
});
