// QEMU's command line: a machine without firmware, display, network or anything that can be plugged in, and around the
// process itself namespaces that show it nothing but its own files.
import { closeSync, existsSync, openSync, statSync } from "node:fs";
import type { MachineKernel } from "./machine-kernel.ts";

export const qemuPath = "/usr/bin/qemu-system-x86_64";

export interface QemuOptions {
  /** Of the sandbox with its cluster, as the command line shows it. */
  name: string;
  kernel: MachineKernel;
  /** Read-only disks with an ext4 file system; the first is the root. */
  disks: readonly string[];
  /** Where the disks after the first appear inside. */
  mountTargets: readonly string[];
  memoryMiB: number;
  accelerator: "kvm" | "tcg";
  /** What comes on `extraDescriptor`: a saved machine's state, or QEMU's monitor. */
  extra?: "state" | "monitor";
}

/** A socket for what the machine's kernel says. */
const consoleDescriptor = 3;
const extraDescriptor = 4;

/** Whether this process may use the device; whether it runs anything is another question. */
export function opensKvm(): boolean {
  try {
    closeSync(openSync("/dev/kvm", "r+"));
    return true;
  } catch {
    // Absent, forbidden, or a device without hardware behind it.
    return false;
  }
}

/** nobody may not use the device on some machines; namespaces and QEMU's own filter hold all the same. */
export function canNobodyUseKvm(): boolean {
  return (statSync("/dev/kvm").mode & 0o006) === 0o006;
}

/** Without a register that hypervisors inside machines often refuse; the kernel then takes every precaution itself. */
const hostProcessor = "host,arch-capabilities=off";

export function qemuArguments(options: QemuOptions): string[] {
  const { name, kernel, disks, mountTargets, memoryMiB, extra } = options;
  // A microvm has no timer that a kernel could start without a hypervisor's own clock, which emulation lacks.
  const [machine, suffix] = options.accelerator === "kvm" ? ["microvm", "device"] : ["q35", "pci"];
  const commandLine = [
    "console=ttyS0 quiet loglevel=3 panic=-1 reboot=t rdinit=/init random.trust_cpu=on no_timer_check",
    "hindcast.disk=ext4",
    ...(mountTargets.length > 0 ? [`hindcast.mounts=${mountTargets.join(",")}`] : []),
    // What follows are the guest's own arguments.
    "-- machine --machine",
  ].join(" ");
  return [
    ["-name", name, "-machine", `${machine},accel=${options.accelerator}`, "-nodefaults", "-no-user-config"],
    ["-cpu", options.accelerator === "kvm" ? hostProcessor : "max", "-smp", "1", "-m", `${memoryMiB}M`],
    ["-display", "none", "-no-reboot"],
    ["-kernel", kernel.kernelPath, "-initrd", kernel.initramfsPath, "-append", commandLine],
    ["-chardev", `socket,id=console,fd=${consoleDescriptor}`, "-serial", "chardev:console"],
    // The guest's channel is our standard input and output.
    ["-chardev", "stdio,id=guest,signal=off", "-device", `virtio-serial-${suffix}`],
    ["-device", "virtserialport,chardev=guest,name=hindcast"],
    disks.flatMap((path, index) => {
      // A comma ends a value unless it is doubled.
      const drive = `if=none,id=disk${index},file=${path.replaceAll(",", ",,")},format=raw,readonly=on,file.locking=off`;
      return ["-drive", drive, "-device", `virtio-blk-${suffix},drive=disk${index},serial=disk${index}`];
    }),
    ["-sandbox", "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny"],
    extra === "state" ? ["-incoming", `fd:${extraDescriptor}`] : [],
    extra === "monitor"
      ? ["-chardev", `socket,id=monitor,fd=${extraDescriptor}`, "-mon", "chardev=monitor,mode=control"]
      : [],
  ].flat();
}

/** bubblewrap's arguments around QEMU. `writable` is a folder for the state that is saved. */
export function jailArguments(
  files: readonly string[],
  { usesKvm, writable }: { usesKvm: boolean; writable?: string },
): string[] {
  const system = ["/bin", "/lib", "/lib64"].filter((path) => existsSync(path));
  return [
    ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup"],
    ["--die-with-parent", "--new-session", "--cap-drop", "ALL", "--clearenv"],
    ["--ro-bind", "/usr", "/usr", ...system.flatMap((path) => ["--ro-bind", path, path])],
    [
      "--ro-bind-try",
      "/etc/ld.so.cache",
      "/etc/ld.so.cache",
      "--ro-bind-try",
      "/etc/alternatives",
      "/etc/alternatives",
    ],
    ["--dev", "/dev", ...(usesKvm ? ["--dev-bind", "/dev/kvm", "/dev/kvm"] : []), "--tmpfs", "/tmp"],
    files.flatMap((path) => ["--ro-bind", path, path]),
    writable === undefined ? [] : ["--bind", writable, writable],
    ["--", qemuPath],
  ].flat();
}
