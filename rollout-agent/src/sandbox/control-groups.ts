// Limits by the kernel's control groups (version 2), where this process may make some below its own: they count memory
// of the kernel too, exactly and at once. Elsewhere the guest's own limits and its watch are what there is; they hold in
// any case.
import { constants, readFileSync } from "node:fs";
import { access, mkdir, readdir, readFile, rmdir, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { limits, messageOf } from "@hindcast/shared";
import { deriveId, pause } from "@hindcast/shared/node";
import type { SandboxLimits } from "./sandbox.ts";

/** Without these two a group holds nothing that the guest does not hold. */
const needed = ["memory", "pids"] as const;
const welcome = ["cpu", "io"] as const;
/** For the guest, its session's folder and what starts it, beside what commands may use. */
const ofGuest: GroupOptions = { overheadBytes: 96 * 1024 * 1024, overheadProcesses: 16, endsTogether: false };
/** Of 100: where processors or disks are short, agents come before what they run. */
const weight = 50;
const prefix = "hindcast-sandbox-";
const ownLeaf = "hindcast-agent";
const never = new AbortController().signal;

export interface GroupOptions {
  /** Beside what the limits allow. */
  overheadBytes: number;
  overheadProcesses: number;
  /** Whether memory that is used up ends all of it, and not only one process. */
  endsTogether: boolean;
}

export interface ControlGroup {
  /** Whoever writes its own number there is in the group, with everything that it starts from now on. */
  procsFile: string;
  /** The same from outside. */
  add: (pid: number) => Promise<void>;
  /** Whether the kernel ended anything in it because its memory was used up. */
  isOutOfMemory: () => boolean;
  /** Once its processes are gone. */
  remove: () => Promise<void>;
}

export interface FindOptions {
  /** @default "/proc/self" */
  process?: string;
  /** What a group must be able to limit. @default memory and pids */
  needs?: readonly string[];
}

export class ControlGroups {
  /** What is limited: memory, pids, and cpu and io where they are there. */
  readonly controllers: readonly string[];
  readonly #folder: string;

  private constructor(folder: string, controllers: readonly string[]) {
    this.#folder = folder;
    this.controllers = controllers;
  }

  /** The groups that this process may make, or why it may not. Moves this process into a leaf where that is needed. */
  static async find({ process: self = "/proc/self", needs = needed }: FindOptions = {}): Promise<
    ControlGroups | { reason: string }
  > {
    const folder = await ownFolder(self);
    if (folder === null) return { reason: "no control groups of version 2 are mounted" };
    try {
      const available = (await readFile(join(folder, "cgroup.controllers"), "utf8")).split(/\s+/);
      const lacking = needs.filter((name) => !available.includes(name));
      if (lacking.length > 0) return { reason: `${folder} has no controller for ${lacking.join(" and ")}` };
      for (const file of ["cgroup.procs", "cgroup.subtree_control"]) await access(join(folder, file), constants.W_OK);
      const controllers = [...needs, ...welcome.filter((name) => available.includes(name))];
      await enable(folder, controllers);
      const groups = new ControlGroups(folder, controllers);
      await groups.#removeEmpty();
      return groups;
    } catch (error) {
      return { reason: `${folder} is not ours to divide (${messageOf(error)}): delegate it, e.g. by Delegate=yes` };
    }
  }

  /** @param name of the sandbox, with its cluster */
  async make(name: string, sandbox: SandboxLimits, options: GroupOptions = ofGuest): Promise<ControlGroup> {
    const folder = join(this.#folder, prefix + deriveId("group", name));
    await mkdir(folder).catch((error: NodeJS.ErrnoException) => {
      // What a dead process of ours has left; it is empty by now, or its limits change under what still ends.
      if (error.code !== "EEXIST") throw error;
    });
    const memory = sandbox.memoryBytesMax + sandbox.diskBytesMax + options.overheadBytes;
    const settings: Record<string, [file: string, value: string][]> = {
      memory: [
        ["memory.max", String(memory)],
        ["memory.swap.max", "0"],
        ["memory.oom.group", options.endsTogether ? "1" : "0"],
      ],
      pids: [["pids.max", String(sandbox.processesMax + options.overheadProcesses)]],
      cpu: [["cpu.weight", String(weight)]],
      io: [["io.weight", `default ${weight}`]],
    };
    for (const controller of this.controllers) {
      for (const [file, value] of settings[controller] ?? []) await set(join(folder, file), value);
    }
    const procsFile = join(folder, "cgroup.procs");
    return {
      procsFile,
      add: async (pid) => writeFile(procsFile, String(pid)),
      isOutOfMemory: () => /^oom_kill [1-9]/m.test(contentOf(join(folder, "memory.events"))),
      remove: () => removeSoon(folder),
    };
  }

  async #removeEmpty(): Promise<void> {
    const names = (await readdir(this.#folder)).filter((name) => name.startsWith(prefix));
    // One in use refuses.
    await Promise.all(names.map((name) => rmdir(join(this.#folder, name)).catch(() => undefined)));
  }
}

let found: Promise<ControlGroups | { reason: string }> | null = null;

/** Those of this process, or why there are none. Looked for once: finding them may move it. */
export async function foundControlGroups(): Promise<ControlGroups | { reason: string }> {
  found ??= ControlGroups.find();
  return await found;
}

/** Null where there are none. */
export async function ownControlGroups(): Promise<ControlGroups | null> {
  const groups = await foundControlGroups();
  return groups instanceof ControlGroups ? groups : null;
}

function contentOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    // Without this controller nothing was ended by it.
    return "";
  }
}

async function ownFolder(self: string): Promise<string | null> {
  const [groups, mounts] = await Promise.all(
    ["cgroup", "mountinfo"].map((name) => readFile(join(self, name), "utf8").catch(() => "")),
  );
  const path = /^0::(.+)$/m.exec(groups ?? "")?.[1];
  // `36 35 0:31 / /sys/fs/cgroup rw - cgroup2 …`
  const mount = /^(?:\S+ ){4}(\S+) .* - cgroup2 /m.exec(mounts ?? "")?.[1];
  return path === undefined || mount === undefined ? null : join(mount, path);
}

/** A group that is divided may hold no process itself, but for the first of all. */
async function enable(folder: string, controllers: readonly string[]): Promise<void> {
  const wish = controllers.map((name) => `+${name}`).join(" ");
  const file = join(folder, "cgroup.subtree_control");
  const enabled = (await readFile(file, "utf8")).split(/\s+/);
  if (controllers.every((name) => enabled.includes(name))) return;
  try {
    await writeFile(file, wish);
  } catch (error) {
    if (!(error instanceof Error && "code" in error && error.code === "EBUSY")) throw error;
    const leaf = join(folder, ownLeaf);
    await mkdir(leaf, { recursive: true });
    await writeFile(join(leaf, "cgroup.procs"), String(process.pid));
    await writeFile(file, wish);
  }
}

/** Files that this kernel does not have limit nothing. */
async function set(file: string, value: string): Promise<void> {
  await writeFile(file, value, { flag: constants.O_WRONLY }).catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT" && error.code !== "EACCES") throw error;
  });
}

/** The kernel lets go of a group a moment after its last process. What stays is removed when an agent starts. */
async function removeSoon(folder: string): Promise<void> {
  for (let tries = 0; tries < limits.controlGroupRemovalsMax; tries += 1) {
    const code = await rmdir(folder).then(
      () => null,
      (error: NodeJS.ErrnoException) => error.code,
    );
    if (code !== "EBUSY") return;
    await pause(10 * 2 ** tries, never);
  }
}

/** A sentence for `hindcast doctor`. */
export function describeControlGroups(found: ControlGroups | { reason: string }): string {
  return found instanceof ControlGroups
    ? `limits by control groups (${found.controllers.join(", ")}), and by the guest`
    : `limits by the guest alone (per process, and by looking at their sum): ${found.reason}`;
}
