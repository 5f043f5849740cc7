// The machine under the sandbox: kernel settings, devices, mounts, sockets.
import { readFileSync } from "node:fs";
import { helps, inCategory, type Probe, printsFlag, succeeds } from "../probe.ts";

/** CAP_SYS_RESOURCE, which a machine that is confined itself takes from its root. */
function hasResourceCapability(): boolean {
  const [, set = "0"] = /^CapEff:\s+([0-9a-f]+)/m.exec(readFileSync("/proc/self/status", "utf8")) ?? [];
  return ((BigInt(`0x${set}`) >> 24n) & 1n) === 1n;
}

function writable(id: string, path: string, attempts: string): Omit<Probe, "category"> {
  return { id, attempts, attack: helps(`open-write ${path}`) };
}

export const procAndSys: Probe[] = inCategory("proc-and-sys", [
  writable("core-pattern", "/proc/sys/kernel/core_pattern", "the program that the kernel runs for core dumps"),
  writable("modprobe", "/proc/sys/kernel/modprobe", "the program that the kernel runs for modules"),
  writable("panic", "/proc/sys/kernel/panic", "a setting of the kernel"),
  writable("sysrq", "/proc/sysrq-trigger", "the kernel's emergency keys"),
  writable("host-setting", "/proc/sys/vm/drop_caches", "a setting of the host's memory"),
  {
    id: "network-setting",
    attempts: "a setting of the network",
    weakening: "own-network",
    attack: helps("open-write /proc/sys/net/ipv4/ip_forward"),
  },
  writable("uevent-helper", "/sys/kernel/mm/ksm/run", "the kernel's /sys"),
  { id: "kernel-memory", attempts: "the kernel's memory image", attack: helps("read /proc/kcore") },
  {
    id: "kernel-addresses",
    attempts: "addresses of the kernel's functions",
    attack: succeeds("grep -m1 -v '^0* ' /proc/kallsyms"),
  },
  {
    id: "kernel-log",
    attempts: "the kernel's log",
    attack: succeeds("dmesg | grep -q . || head -c1 /proc/kmsg | grep -q ."),
  },
  {
    id: "out-of-memory",
    attempts: "being the last that dies when memory is short",
    missing: () => (hasResourceCapability() ? null : "this machine's root may not do it either"),
    attack: succeeds("echo -900 > /proc/self/oom_score_adj"),
  },
]);

export const devices: Probe[] = inCategory("devices", [
  { id: "character", attempts: "a character device of one's own", attack: helps("char node 1 5") },
  {
    id: "disk",
    attempts: "the machine's disk by a node of one's own",
    missing: ({ disk }) => (disk === null ? "this machine shows us no disk" : null),
    attack: helps(({ outside: { disk } }) => `block node ${disk?.major} ${disk?.minor}`),
  },
  {
    id: "disk-by-name",
    attempts: "the machine's disk by its name",
    missing: ({ disk }) => (disk === null ? "this machine shows us no disk" : null),
    attack: helps(({ outside: { disk } }) => `open-read /dev/${disk?.name}`),
  },
  { id: "log-device", attempts: "the kernel's log as a device", attack: helps("open-read /dev/kmsg") },
  { id: "loop", attempts: "loop devices", attack: helps("open-read /dev/loop-control") },
  { id: "fuse", attempts: "file systems of one's own", attack: helps("open-write /dev/fuse") },
  { id: "console", attempts: "the console", attack: helps("open-write /dev/console") },
  { id: "terminals", attempts: "typing into a terminal (TIOCSTI)", attack: helps("type") },
]);

export const mounts: Probe[] = inCategory("mounts", [
  { id: "tmpfs", attempts: "a file system of one's own", attack: helps("mount . tmpfs") },
  { id: "bind", attempts: "showing / elsewhere", attack: helps("bind / .") },
  { id: "remount", attempts: "making / writable", attack: helps("remount /") },
  {
    id: "unmask",
    attempts: "taking a mount away",
    attack: succeeds("./helper umount /proc/kcore || ./helper umount /dev || ./helper umount /proc"),
  },
  { id: "new-calls", attempts: "a mount by the new calls", attack: helps("fsmount") },
  {
    id: "pivot",
    attempts: "another root",
    attack: succeeds("mkdir -p p; ./helper bind p p; ./helper pivot p p || ./helper pivot / /"),
  },
  { id: "proc", attempts: "another /proc, without what is masked", attack: helps("mount . proc") },
  {
    id: "system-files",
    attempts: "writing to what every episode reads",
    // The weakened root is read-only, for the host's sake: there its /dev stands for it.
    attack: succeeds(({ nonce }) => {
      const name = nonce.slice(0, 12);
      return `f=0; for d in /usr/bin /etc /dev /opt; do echo x > $d/${name} && f=1; rm -f $d/${name}; done 2>/dev/null; [ $f = 1 ]`;
    }),
  },
]);

export const sockets: Probe[] = inCategory("sockets", [
  { id: "icmp", attempts: "raw packets", attack: helps("socket 2 3 1") },
  { id: "frames", attempts: "raw frames (AF_PACKET)", attack: helps("socket 17 3 768") },
  { id: "netlink", attempts: "routes and addresses (netlink)", attack: helps("socket 16 3 0") },
  { id: "netfilter", attempts: "the packet filter (netlink)", attack: helps("socket 16 3 12") },
  { id: "audit", attempts: "the audit log (netlink)", attack: helps("socket 16 3 9") },
  { id: "crypto", attempts: "the kernel's ciphers (AF_ALG)", attack: helps("socket 38 5 0") },
  { id: "hypervisor", attempts: "the hypervisor (AF_VSOCK)", attack: helps("socket 40 1 0") },
  { id: "tun", attempts: "a network interface of one's own", weakening: "own-network", attack: helps("tun") },
  { id: "address", attempts: "an address of one's own", weakening: "own-network", attack: helps("readdress") },
  {
    id: "host-port",
    attempts: "a port of the host's loopback address",
    attack: printsFlag(({ outside }) => `exec 3<>/dev/tcp/127.0.0.1/${outside.port}; timeout 8 cat <&3`),
  },
  {
    id: "host-abstract-socket",
    attempts: "an abstract socket of the host",
    attack: printsFlag(({ outside }) => `./helper abstract ${outside.sockets.abstract}`),
  },
  {
    id: "host-socket",
    attempts: "a daemon's socket on the host (docker.sock)",
    attack: printsFlag(({ outside }) => `./helper unix ${outside.sockets.path}`),
  },
]);
