// What a container may do: nothing but run the guest on a read-only root, without a network or a capability.
import { deriveId } from "@hindcast/shared/node";
import { guestFile } from "../sandbox-world.ts";
import { nextHostUser } from "../host-users.ts";
import type { SandboxLimits, SandboxMount } from "../sandbox.ts";

/** Holds the sandbox's whole name: a container's own name takes no slash. */
export const nameLabel = "hindcast.sandbox";

export interface ContainerOptions {
  /** With its cluster. */
  name: string;
  image: string;
  guestPath: string;
  limits: SandboxLimits;
  mounts: readonly SandboxMount[];
  /** runc, runsc, kata, …; null takes the daemon's default. */
  runtime: string | null;
  hasAppArmor: boolean;
  /** gVisor: see `isUserSpaceKernel`. */
  isUserSpaceKernel: boolean;
}

/**
 * What the guest builds its world with where the kernel is gVisor's and serves this sandbox alone; commands have none of
 * it. The guest asks the kernel whose it is before it does anything.
 */
export const capabilitiesToBuild = ["CHOWN", "DAC_OVERRIDE", "SETGID", "SETPCAP", "SETUID", "SYS_ADMIN"];

/** For the guest, its session's folder and the kernel's share, beside what commands may use. */
export const overheadBytes = 96 * 1024 * 1024;
const overheadProcesses = 16;
/** gVisor's own threads, and those in which it runs each process: a process inside is several outside. */
const userSpaceKernelProcesses = { own: 256, each: 4 };

/**
 * Calls that nobody inside needs. The list is short because the guest must still arrange its mounts in a user namespace
 * of its own; its filter, which every command inherits, refuses that and much more.
 */
const refusedCalls = [
  ["kexec_load", "kexec_file_load", "init_module", "finit_module", "delete_module", "reboot", "swapon", "swapoff"],
  ["bpf", "perf_event_open", "keyctl", "add_key", "request_key", "userfaultfd", "io_uring_setup", "open_by_handle_at"],
  ["ptrace", "process_vm_readv", "process_vm_writev", "settimeofday", "clock_settime", "acct", "quotactl", "syslog"],
].flat();

export const containerFilter = {
  defaultAction: "SCMP_ACT_ALLOW",
  // A call of a table that is not named here would end the process before the guest's filter could refuse it.
  archMap: [
    { architecture: "SCMP_ARCH_X86_64", subArchitectures: ["SCMP_ARCH_X86", "SCMP_ARCH_X32"] },
    { architecture: "SCMP_ARCH_AARCH64", subArchitectures: ["SCMP_ARCH_ARM"] },
  ],
  syscalls: [{ names: refusedCalls, action: "SCMP_ACT_ERRNO" }],
};

export function containerName(name: string): string {
  return deriveId("hindcast", name);
}

/** The body of `POST /containers/create`. */
export function containerSettings(options: ContainerOptions): object {
  const { name, image, guestPath, limits, mounts, runtime, hasAppArmor, isUserSpaceKernel } = options;
  const memory = limits.memoryBytesMax + limits.diskBytesMax + overheadBytes;
  // Of the host; inside it is 1000, by the guest's own user namespace. gVisor's root is no user of the host.
  const user = isUserSpaceKernel ? 0 : nextHostUser();
  return {
    Image: image,
    Entrypoint: [guestFile],
    // The name tells an operator's `ps` which episode a process belongs to.
    Cmd: [name, isUserSpaceKernel ? "--user-space-kernel" : "--container"],
    User: `${user}:${user}`,
    Hostname: "sandbox",
    WorkingDir: "/",
    Env: [],
    Labels: { [nameLabel]: name },
    AttachStdin: true,
    AttachStdout: true,
    AttachStderr: true,
    OpenStdin: true,
    // Its input ends with our connection, and the guest with its input: no container outlives its agent.
    StdinOnce: true,
    NetworkDisabled: true,
    HostConfig: {
      AutoRemove: true,
      ReadonlyRootfs: true,
      CapDrop: ["ALL"],
      ...(isUserSpaceKernel ? { CapAdd: capabilitiesToBuild } : {}),
      SecurityOpt: [
        "no-new-privileges:true",
        `seccomp=${JSON.stringify(containerFilter)}`,
        // Docker's profile forbids every mount, also those inside a namespace of one's own.
        ...(hasAppArmor ? ["apparmor=unconfined"] : []),
      ],
      NetworkMode: "none",
      IpcMode: "private",
      PidsLimit: isUserSpaceKernel
        ? limits.processesMax * userSpaceKernelProcesses.each + userSpaceKernelProcesses.own
        : limits.processesMax + overheadProcesses,
      Memory: memory,
      MemorySwap: memory,
      LogConfig: { Type: "none" },
      ...(runtime === null ? {} : { Runtime: runtime }),
      Mounts: [{ source: guestPath, target: guestFile }, ...mounts].map(({ source, target }) => ({
        Type: "bind",
        Source: source,
        Target: target,
        ReadOnly: true,
      })),
    },
  };
}
