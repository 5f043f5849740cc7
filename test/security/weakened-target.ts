// Sandboxes as they should not be, so that a probe that fails elsewhere is shown to be able to work. Every mistake here
// has been made somewhere: shared namespaces, kept capabilities, no limits, no filter, results read from what commands
// print, files read and written through links, archives unpacked by tar as root. The host's own files stay read-only all
// the same, and whatever is left running is found by a variable of its environment and ended.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { openSync, closeSync } from "node:fs";
import { chmod, chown, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { Box, Ran, Target } from "./box.ts";

/**
 * `shared`: root with all capabilities in the host's namespaces (but the host's name); `own-network`: the same with a
 * network of its own, in which metadata services answer; `user`: an ordinary user of the host, and no sandbox at all.
 */
export type Weakening = "shared" | "own-network" | "user";

export interface WeakenedOptions {
  weakening: Weakening;
  /** A folder of the run, for the boxes' files. */
  folder: string;
  helper: Uint8Array;
  /** A file that boxes find open, as one that an agent has forgotten to close on exec. */
  openFile: string;
  /** What the metadata services of `own-network` tell. */
  metadata: string;
}

const tag = "HINDCAST_WEAKENED";
const nobody = 65_534;
const mark = "WEAKENED-EXIT:";
/** How long a box waits, after its command's time, for whoever still holds its output. */
const patienceMs = 2_000;

export function weakenedTarget(options: WeakenedOptions): Target & { clear: () => Promise<void> } {
  const run = randomBytes(8).toString("hex");
  return {
    name: "weakened",
    open: async (id) => {
      const box = new WeakenedBox(options, id, run);
      await mkdir(box.folder, { recursive: true });
      if (options.weakening === "user") await chown(box.folder, nobody, nobody);
      await writeFile(join(box.folder, "helper"), options.helper);
      await chmod(join(box.folder, "helper"), 0o755);
      return box;
    },
    clear: () => endTagged(run),
  };
}

class WeakenedBox implements Box {
  readonly id: string;
  readonly folder: string;
  readonly #options: WeakenedOptions;
  readonly #run: string;

  constructor(options: WeakenedOptions, id: string, run: string) {
    this.id = id;
    this.folder = join(options.folder, id);
    this.#options = options;
    this.#run = run;
  }

  async run(script: string, timeoutMs = 15_000): Promise<Ran> {
    const startedAt = performance.now();
    const { metadata, weakening } = this.#options;
    const before = weakening === "own-network" ? `./helper metadata '${metadata}'\n` : "";
    const child = this.#start(`${before}{ ${script}\n}; echo "${mark}$?:$PWD"`);
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    child.stderr?.on("data", (chunk: Buffer) => chunks.push(chunk));
    const closed = once(child, "close");
    const isLate = await Promise.race([closed.then(() => false), delay(timeoutMs, true, { ref: false })]);
    if (isLate) {
      child.kill("SIGKILL");
      await Promise.race([closed, delay(patienceMs, null, { ref: false })]);
    }
    const output = Buffer.concat(chunks);
    const { text, exitCode } = parted(output.toString("utf8"), child.exitCode);
    const durationMs = performance.now() - startedAt;
    return { text, exitCode, killed: isLate ? "timeout" : null, outputBytes: output.byteLength, durationMs };
  }

  async observe(script: string): Promise<string> {
    const child = this.#start(`{ ${script}\n}; echo "${mark}$?:$PWD"`);
    const chunks: Buffer[] = [];
    child.stdout?.on("data", (chunk: Buffer) => chunks.push(chunk));
    await once(child, "close");
    const text = Buffer.concat(chunks).toString("utf8");
    const at = text.lastIndexOf(mark);
    const [, exitCode, directory = ""] = /^(\d+):([^]*)\n$/.exec(text.slice(at + mark.length)) ?? [];
    return `[working directory ${directory}]\n${text.slice(0, at)}\n[exit code ${exitCode}]`;
  }

  readFile(path: string): Promise<string> {
    return readFile(join(this.folder, path), "utf8");
  }

  async writeFile(path: string, content: Uint8Array): Promise<void> {
    await mkdir(dirname(join(this.folder, path)), { recursive: true });
    await writeFile(join(this.folder, path), content);
  }

  async restore(archive: Uint8Array): Promise<void> {
    const file = join(this.#options.folder, `${this.id}.tar.gz`);
    await writeFile(file, archive);
    await promisify(execFile)("tar", ["-xzPf", file, "-C", this.folder]);
  }

  /** Leaves everything as it is. */
  close(): Promise<void> {
    return Promise.resolve();
  }

  #start(script: string): ChildProcess {
    const { weakening, openFile } = this.#options;
    const env = { ...process.env, [tag]: this.#run };
    const leaked = openSync(openFile, "r");
    const stdio: ["ignore", "pipe", "pipe", number] = ["ignore", "pipe", "pipe", leaked];
    try {
      if (weakening === "user") {
        return spawn("bash", ["-c", script], { stdio, env, cwd: this.folder, uid: nobody, gid: nobody });
      }
      return spawn("/usr/bin/bwrap", [...this.#arguments(), "bash", "-c", script], { stdio, env });
    } finally {
      closeSync(leaked);
    }
  }

  #arguments(): string[] {
    const temporary = tmpdir();
    const { folder } = this.#options;
    return [
      ["--ro-bind", "/", "/", "--bind", "/proc", "/proc", "--bind", "/sys", "/sys", "--dev-bind", "/dev", "/dev"],
      ["--bind", temporary, temporary, "--dev-bind", dirname(folder), dirname(folder), "--chdir", this.folder],
      // Its own, so that a name that is set is not the host's.
      ["--unshare-uts", "--hostname", "weakened", "--cap-add", "ALL"],
      this.#options.weakening === "own-network" ? ["--unshare-net"] : [],
    ].flat();
  }
}

function parted(output: string, ended: number | null): { text: string; exitCode: number | null } {
  const found = /^WEAKENED-EXIT:(\d+)/m.exec(output);
  return found === null
    ? { text: output, exitCode: ended }
    : { text: output.slice(0, found.index), exitCode: Number(found[1]) };
}

/** Ends what boxes of this run have left, by process id. */
async function endTagged(run: string): Promise<void> {
  for (const name of await readdir("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const environment = await readFile(`/proc/${name}/environ`, "utf8").catch(() => "");
    if (!environment.split("\0").includes(`${tag}=${run}`)) continue;
    try {
      process.kill(Number(name), "SIGKILL");
    } catch (error) {
      // It has ended meanwhile.
      if (!(error instanceof Error && "code" in error && error.code === "ESRCH")) throw error;
    }
  }
}
