// Sandboxes as virtual machines: QEMU with a kernel of Debian's, the guest as its first process and a serial port as the
// channel. One machine per (image, mounts, memory) is booted and saved; every episode starts from that.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { closeSync, existsSync, openSync } from "node:fs";
import { readFile, rm, writeFile } from "node:fs/promises";
import { cpus } from "node:os";
import { join } from "node:path";
import type { Duplex, Readable } from "node:stream";
import { promisify } from "node:util";
import { HindcastError, limits } from "@hindcast/shared";
import { sha256Hex } from "@hindcast/shared/node";
import { derivedForm } from "../../image/image-cache.ts";
import { GuestProvider } from "../guest-provider.ts";
import { type GuestDriver, type GuestTransport, type GuestWorld, processTransport } from "../guest-transport.ts";
import { sandboxEnvironment, sandboxFiles } from "../sandbox-world.ts";
import type { ImageRef, SandboxOptions, SandboxProvider } from "../sandbox.ts";
import { diskMark, imageDisk, keepNewest, mountDisk } from "./disks.ts";
import { findKernel, type MachineKernel, prepareKernel } from "./machine-kernel.ts";
import { canNobodyUseKvm, jailArguments, opensKvm, qemuArguments, type QemuOptions, qemuPath } from "./qemu.ts";
import { Monitor, saveMachine, stateReceiver } from "./saved-machine.ts";

const MiB = 1024 * 1024;
const nobody = 65_534;
const defaultBwrap = "/usr/bin/bwrap";
/** For the kernel, the guest and its session's folder, beside what commands may use. */
const overheadMiB = 160;
/** Sizes are rounded up to this, so that few machines are saved. */
const memoryStepMiB = 64;
const ready = "ready\n";
const never = new AbortController().signal;

export interface MachineDriverOptions {
  guestPath: string;
  /** @default "/usr/bin/bwrap" */
  bwrapPath?: string;
  /** Keeps the kernel, first file systems and disks of mounts. */
  folder: string;
  /** For sandboxes that ask for none. */
  image: ImageRef & { kind: "root" };
  /** Boots each machine instead of starting from a saved one. @default true */
  restores?: boolean;
  /** @default KVM where a machine boots with it */
  accelerator?: "kvm" | "tcg";
  /** Whose sandboxes they are (`clusterOf`). @default nobody's */
  cluster?: string;
  /** See `GuestProviderOptions`. */
  egressSecrets?: ReadonlyMap<string, string>;
  log: { debug: (fields: object, message: string) => void };
}

export function createMachines(options: MachineDriverOptions): SandboxProvider {
  const { cluster, egressSecrets, log } = options;
  return new GuestProvider({ driver: new MachineDriver(options), cluster, egressSecrets, log });
}

/** What keeps this machine from running virtual machines, with the remedy; starts nothing. */
export async function machinesMissing(
  options: Pick<MachineDriverOptions, "guestPath" | "bwrapPath" | "folder">,
): Promise<string[]> {
  const { guestPath, folder, bwrapPath = defaultBwrap } = options;
  const problems: string[] = [];
  const need = (paths: string[], remedy: string): void => {
    if (!paths.some((path) => existsSync(path))) problems.push(`${paths[0]} is missing: ${remedy}.`);
  };
  need([qemuPath], "install QEMU (Debian, Ubuntu: apt-get install qemu-system-x86)");
  need([bwrapPath], "install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap)");
  need(["/usr/sbin/mkfs.ext4", "/sbin/mkfs.ext4"], "install e2fsprogs");
  need([guestPath], 'run "cargo build --release" in rollout-agent/guest');
  if ((await findKernel(folder)) === null) {
    problems.push(`No kernel for virtual machines is in /boot or ${folder}: run "hindcast image kernel".`);
  }
  return problems;
}

type Plan = Omit<QemuOptions, "name"> & { image: ImageRef & { kind: "root" } };

class MachineDriver implements GuestDriver {
  readonly name = "vm";
  readonly #options: MachineDriverOptions;
  readonly #bwrapPath: string;
  #kernel: Promise<MachineKernel> | null = null;
  #version: Promise<string> | null = null;
  #accelerator: Promise<"kvm" | "tcg"> | null = null;

  constructor(options: MachineDriverOptions) {
    this.#options = options;
    this.#bwrapPath = options.bwrapPath ?? defaultBwrap;
  }

  missing(): Promise<string[]> {
    return machinesMissing(this.#options);
  }

  async start(options: SandboxOptions, signal: AbortSignal): Promise<GuestTransport> {
    const plan = await this.#plan(options, signal);
    const qemu = { ...plan, name: options.id };
    if (this.#options.restores === false) return await this.#boot(qemu, limits.machineBootMs, signal);
    const state = openSync(await this.#savedState(plan, signal), "r");
    try {
      return transportOf(this.#spawn({ ...qemu, extra: "state" }, state));
    } finally {
      closeSync(state);
    }
  }

  world(): GuestWorld {
    return {
      environment: sandboxEnvironment(null),
      files: sandboxFiles,
      refresh: { nowMs: Date.now(), entropy: [...randomBytes(32)] },
    };
  }

  explain(complaint: string): string {
    return `A virtual machine could not be started: ${complaint.trim()}`;
  }

  async #plan(options: SandboxOptions, signal: AbortSignal): Promise<Plan> {
    const { image = this.#options.image, mounts = [], limits: wanted } = options;
    if (image.kind === "host") {
      throw unavailable("a virtual machine cannot show the host's own system: give it an image (hindcast image build)");
    }
    const unfit = mounts.find(({ target }) => !/^(?:\/[\w.-]+)+$/.test(target));
    if (unfit !== undefined) {
      const name = JSON.stringify(unfit.target);
      throw unavailable(
        `a virtual machine cannot be told of the mount ${name}: use letters, digits and ._- in its path`,
      );
    }
    if (mounts.length > limits.machineMountsMax) {
      throw unavailable(
        `a virtual machine takes ${limits.machineMountsMax} mounts, not ${mounts.length}: put them into one folder`,
      );
    }
    const { folder, guestPath } = this.#options;
    this.#kernel ??= findKernel(folder).then((path) => {
      if (path === null) throw unavailable(`no kernel is in ${folder}`);
      return prepareKernel(path, { folder, guestPath });
    });
    const kernel = await this.#kernel.catch((error: unknown) => {
      // What failed (a full disk, say) may go well the next time.
      this.#kernel = null;
      throw error;
    });
    const needed = (wanted.memoryBytesMax + wanted.diskBytesMax) / MiB + overheadMiB;
    const plan = {
      kernel,
      image,
      disks: [await imageDisk(image, signal), ...(await this.#mountDisks(mounts, signal))],
      mountTargets: mounts.map(({ target }) => target),
      memoryMiB: Math.ceil(needed / memoryStepMiB) * memoryStepMiB,
    };
    this.#accelerator ??= this.#chooseAccelerator(plan);
    const accelerator = await this.#accelerator.catch((error: unknown) => {
      this.#accelerator = null;
      throw error;
    });
    return { ...plan, accelerator };
  }

  /** Some machines show the device and yet run nothing on it, so a machine is booted once; that it runs holds until the next boot. */
  async #chooseAccelerator(plan: Omit<Plan, "accelerator">): Promise<"kvm" | "tcg"> {
    const { accelerator: wanted, folder, log } = this.#options;
    if (wanted !== undefined) return wanted;
    if (!opensKvm()) return "tcg";
    const bootId = await readFile("/proc/sys/kernel/random/boot_id", "utf8");
    const parts = [await this.#qemuVersion(), plan.kernel.hash, bootId].join(" ");
    const path = join(folder, `kvm-${sha256Hex(Buffer.from(parts)).slice(0, 32)}`);
    const known = await readFile(path, "utf8").catch(() => null);
    if (known === "kvm") return known;
    const answer = await this.#boot(
      { ...plan, accelerator: "kvm", name: "hindcast-probe" },
      limits.machineProbeMs,
    ).then(
      async (transport) => {
        transport.kill();
        await transport.ended;
        return "kvm" as const;
      },
      (error: unknown) => {
        log.debug({ event: "machine.no-kvm", err: error }, "KVM is there and runs nothing: machines are emulated");
        return "tcg" as const;
      },
    );
    // That it failed may be this moment's affair: each agent finds out for itself.
    if (answer === "kvm") await writeFile(path, answer);
    return answer;
  }

  async #mountDisks(mounts: SandboxOptions["mounts"] & object, signal: AbortSignal): Promise<string[]> {
    const disks: string[] = [];
    for (const mount of mounts) disks.push(await mountDisk(mount, this.#options.folder, signal));
    return disks;
  }

  /** Boots with all that the plan names, and returns once the guest waits for its first request. */
  async #boot(qemu: QemuOptions, patienceMs: number, signal: AbortSignal = never): Promise<GuestTransport> {
    const transport = transportOf(this.#spawn(qemu));
    await untilReady(transport, patienceMs, signal);
    return transport;
  }

  #qemuVersion(): Promise<string> {
    this.#version ??= promisify(execFile)(qemuPath, ["--version"]).then(
      ({ stdout }) => stdout,
      (error: unknown) => {
        this.#version = null;
        throw error;
      },
    );
    return this.#version;
  }

  async #savedState(plan: Plan, signal: AbortSignal): Promise<string> {
    const { kernel, disks, mountTargets, memoryMiB } = plan;
    const processor = cpus()[0]?.model ?? "";
    // A saved machine remembers what it has read of its disks: one made anew under the same name is another.
    const marks = await Promise.all(disks.map((path) => diskMark(path)));
    const machine = [mountTargets, memoryMiB, plan.accelerator];
    const parts = [await this.#qemuVersion(), processor, kernel.hash, disks, marks, ...machine];
    const prefix = "machine-";
    const name = `${prefix}${sha256Hex(Buffer.from(JSON.stringify(parts))).slice(0, 32)}`;
    const path = await derivedForm(plan.image, name, (draft) => this.#save(plan, draft, signal), signal);
    await keepNewest(path, { prefix, keep: limits.machineStatesMax });
    return path;
  }

  async #save(plan: Plan, path: string, signal: AbortSignal): Promise<void> {
    const startedAt = performance.now();
    await using receiver = await stateReceiver(this.#ownUser(plan));
    const child = this.#spawn({ ...plan, name: "hindcast-template", extra: "monitor" }, "pipe", receiver.folder);
    const transport = transportOf(child);
    try {
      await untilReady(transport, limits.machineBootMs, signal);
      await saveMachine(new Monitor(child.stdio[4] as Duplex), { receiver, path }, signal);
    } catch (error) {
      await rm(path, { force: true });
      throw error;
    } finally {
      transport.kill();
      await transport.ended;
    }
    const fields = { event: "machine.saved", path, durationMs: performance.now() - startedAt };
    this.#options.log.debug(fields, "a machine was booted and saved");
  }

  #spawn(qemu: QemuOptions, extra: number | "pipe" | "ignore" = "ignore", writable?: string): ChildProcess {
    const usesKvm = qemu.accelerator === "kvm";
    const files = [qemu.kernel.kernelPath, qemu.kernel.initramfsPath, ...qemu.disks];
    const jail = jailArguments(files, writable === undefined ? { usesKvm } : { usesKvm, writable });
    const user = this.#ownUser(qemu);
    return spawn(this.#bwrapPath, [...jail, ...qemuArguments(qemu)], {
      stdio: ["pipe", "pipe", "pipe", "pipe", extra],
      cwd: "/",
      env: {},
      ...(user === null ? {} : { uid: user, gid: user }),
    });
  }

  /** Whom a machine runs as, where that is another than we are. */
  #ownUser({ accelerator }: Pick<QemuOptions, "accelerator">): number | null {
    return process.getuid?.() === 0 && (accelerator === "tcg" || canNobodyUseKvm()) ? nobody : null;
  }
}

function transportOf(child: ChildProcess): GuestTransport {
  return processTransport(child, child.stdio[3] as Duplex);
}

/** Takes the guest's word that it waits off the front of its output. */
async function untilReady(transport: GuestTransport, patienceMs: number, signal: AbortSignal): Promise<void> {
  const timeout = AbortSignal.timeout(patienceMs);
  const ended = transport.ended.then((how) => {
    throw notStarted(`the virtual machine did not start: ${how}; it said: ${transport.complaint()}`);
  });
  try {
    await Promise.race([firstWord(transport.output, AbortSignal.any([signal, timeout])), ended]);
  } catch (error) {
    transport.kill();
    signal.throwIfAborted();
    if (!timeout.aborted) throw error;
    throw notStarted(`the virtual machine did not start in ${patienceMs} ms: ${transport.complaint()}`);
  }
}

function firstWord(output: Readable, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    let received = Buffer.alloc(0);
    const stop = (): void => {
      output.off("data", take);
      output.pause();
    };
    const take = (chunk: Buffer): void => {
      received = Buffer.concat([received, chunk]);
      if (received.byteLength < ready.length) return;
      stop();
      const word = received.subarray(0, ready.length).toString("latin1");
      if (received.byteLength > ready.length) output.unshift(received.subarray(ready.length));
      if (word === ready) resolve();
      else reject(notStarted("what answers in the virtual machine is no guest of ours"));
    };
    output.on("data", take);
    signal.addEventListener("abort", () => (stop(), reject(signal.reason as Error)), { once: true });
  });
}

/** Another try may well work. */
function notStarted(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message, retryable: true });
}

function unavailable(message: string): HindcastError {
  return new HindcastError({ code: "SANDBOX_UNAVAILABLE", boundary: "sandbox", message });
}
