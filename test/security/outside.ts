// What lies outside every sandbox and must stay there: files, processes, sockets and a broker with flags in them.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { closeSync, existsSync, openSync, readFileSync, statfsSync, statSync } from "node:fs";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { createServer, type Server } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";

/** statfs(2): ext2, ext3 and ext4. */
const extMagic = 0xef53;

export interface Victim {
  pid: number;
  /** Of its secret in its memory. */
  address: string;
  /** A file of the host that it holds open. */
  descriptor: number;
  isAlive: () => boolean;
  end: () => void;
}

export interface Outside extends AsyncDisposable {
  folder: string;
  /** Stands in files, processes and sockets of the host; a probe that prints it has reached them. */
  flag: string;
  /** The flag in files: for all to read, and for root alone. */
  files: { open: string; closed: string };
  port: number;
  sockets: { abstract: string; path: string };
  helper: Uint8Array;
  /** A process that holds the flag in its memory, its environment and a descriptor. */
  victim: () => Promise<Victim>;
  nats: () => Promise<TestNats>;
  /** Whether the root of the file system that the flags are in has the number that ext file systems give it. */
  hasNumberedRoot: boolean;
  /** The first disk of the machine; null where it shows none that we can read ourselves. */
  disk: { name: string; major: number; minor: number } | null;
}

export async function anOutside(): Promise<Outside> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-security-"));
  await chmod(folder, 0o755);
  const flag = `flag-${randomBytes(12).toString("hex")}`;
  const host = join(folder, "host");
  await mkdir(host);
  const files = { open: join(host, "flag"), closed: join(host, "closed") };
  await writeFile(files.open, `${flag}\n`);
  await writeFile(files.closed, `${flag}\n`, { mode: 0o600 });
  const helperFile = join(folder, "helper");
  const source = new URL("helper.c", import.meta.url).pathname;
  await promisify(execFile)("cc", ["-O1", "-static", "-pthread", "-o", helperFile, source]);
  const sockets = { abstract: `hindcast-${flag.slice(-8)}`, path: join(host, "daemon.sock") };
  const listeners = [`\0${sockets.abstract}`, sockets.path, 0].map((at) => listener(flag, at));
  const servers = await Promise.all(listeners);
  await chmod(sockets.path, 0o666);
  const address = servers[2]?.address();
  const children = new Set<ChildProcess>();
  let nats: Promise<TestNats> | null = null;
  return {
    folder,
    flag,
    files,
    port: typeof address === "object" && address !== null ? address.port : 0,
    sockets,
    helper: await readFile(helperFile),
    victim: () => aVictim(helperFile, flag, files.closed, children),
    nats: () => (nats ??= aNatsServer()),
    disk: firstDisk(),
    hasNumberedRoot: statfsSync("/").type === extMagic && statSync("/").dev === statSync(folder).dev,
    [Symbol.asyncDispose]: async () => {
      for (const child of children) child.kill("SIGKILL");
      for (const server of servers) server.close();
      await (await nats)?.[Symbol.asyncDispose]();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

async function listener(flag: string, at: string | number): Promise<Server> {
  const server = createServer((socket) => socket.on("error", () => socket.destroy()).end(`${flag}\n`));
  if (typeof at === "number") server.listen(at, "127.0.0.1");
  else server.listen(at);
  await once(server, "listening");
  return server;
}

async function aVictim(helper: string, flag: string, file: string, children: Set<ChildProcess>): Promise<Victim> {
  const child = spawn(helper, ["victim", flag, file], {
    stdio: ["ignore", "pipe", "ignore"],
    env: { HINDCAST_SECRET: flag },
  });
  children.add(child);
  const [line] = (await once(child.stdout, "data")) as [Buffer];
  const [pid = "", address = "", descriptor = ""] = line.toString("utf8").trim().split(" ");
  return {
    pid: Number(pid),
    address,
    descriptor: Number(descriptor),
    isAlive: () => child.exitCode === null && child.signalCode === null,
    end: () => {
      child.kill("SIGKILL");
      children.delete(child);
    },
  };
}

function firstDisk(): Outside["disk"] {
  if (!existsSync("/proc/partitions")) return null;
  for (const line of readFileSync("/proc/partitions", "utf8").split("\n")) {
    const [major, minor, , name] = line.trim().split(/\s+/);
    if (name === undefined || !/^(vd|sd|nvme|xvd)/.test(name) || !canRead(`/dev/${name}`)) continue;
    return { name, major: Number(major), minor: Number(minor) };
  }
  return null;
}

function canRead(path: string): boolean {
  try {
    closeSync(openSync(path, "r"));
    return true;
  } catch {
    // A machine that is confined itself.
    return false;
  }
}
