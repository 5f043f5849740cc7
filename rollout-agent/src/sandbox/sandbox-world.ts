// What the inside of a sandbox looks like: which parts of the host it may read, and the few files and variables made
// for it. Everything that is not named here does not exist inside.
import { existsSync, lstatSync, readdirSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import type { SandboxMount, SandboxOptions } from "./sandbox.ts";

export const homeDirectory = "/home/agent";

/** The guest's file in the sandbox until it has started; `setup.rs` takes it away. */
export const guestFile = "/.hindcast-guest";
const toolDirectory = "/opt/node";

const userId = 1000;
/** 2026-01-01T00:00:00Z: dates that programs take from the environment are equal in every run. */
const sourceDate = 1_767_225_600;

/** Directories beside /usr, links into it on most systems. */
export const systemDirectories = ["/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"];

/** Configuration below /usr that may hold an operator's tokens (npm's global npmrc). */
export const maskedDirectories = ["/usr/etc", "/usr/local/etc"];

/** Public parts of /etc that programs do not work without. Never the directories that hold private keys. */
const publicConfiguration = [
  "/etc/alternatives",
  "/etc/ld.so.cache",
  "/etc/ssl/certs",
  "/etc/ssl/openssl.cnf",
  "/etc/pki/ca-trust/extracted",
  "/etc/pki/tls/certs",
  "/etc/manpath.config",
  "/etc/man_db.conf",
  "/etc/groff",
  "/etc/mime.types",
  "/etc/services",
  "/etc/protocols",
  "/etc/magic",
];

const devices = ["null", "zero", "full", "random", "urandom"];

/** Folders of an image that a sandbox has of its own. */
const ownDirectories: ReadonlySet<string> = new Set(["/dev", "/home", "/proc", "/run", "/sys", "/tmp", "/workspace"]);

type BubblewrapWorld = Pick<SandboxOptions, "id" | "image" | "mounts" | "links" | "isNetworkSilent">;

const namespaces = ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-uts"];
const identity = ["--uid", String(userId), "--gid", String(userId), "--hostname", "sandbox"];
const life = ["--die-with-parent", "--new-session", "--as-pid-1"];

/** Arguments of bubblewrap up to the guest's own command line. Descriptor 3 is the guest's binary. */
export function bubblewrapArguments(world: BubblewrapWorld, nodePrefix: string | null): string[] {
  return [
    [...namespaces, "--unshare-net", "--unshare-cgroup", ...identity, ...life],
    // For building the world only: the guest gives up all but the last before it runs any command, and no command
    // inherits that one.
    ["--cap-drop", "ALL", "--cap-add", "CAP_SYS_ADMIN", "--cap-add", "CAP_SETPCAP", "--cap-add", "CAP_DAC_OVERRIDE"],
    world.isNetworkSilent === true ? ["--cap-add", "CAP_NET_ADMIN"] : [],
    contents(world, nodePrefix),
    ["--perms", "0500", "--ro-bind-data", "3", guestFile],
    // The name tells an operator's `ps` which episode a process belongs to.
    ["--", guestFile, world.id],
  ].flat();
}

/** Makes the network: bubblewrap would set up the loopback device, which gVisor's kernel has up already, and fail. */
export const networkOfUserSpaceKernel: readonly string[] = [
  "/usr/bin/unshare",
  "--user",
  "--map-current-user",
  "--net",
];

/**
 * The same in a pod whose kernel is gVisor's. It has no control groups, and gives a program no capability that it was not
 * made with: the guest makes a user namespace of its own to build the world in, as it does in a container.
 */
export function argumentsForUserSpaceKernel(
  world: BubblewrapWorld,
  nodePrefix: string | null,
  guestPath: string,
): string[] {
  return [
    [...namespaces, ...identity, ...life],
    contents(world, nodePrefix),
    // Its kernel covers no file that was removed, as bubblewrap's copies are.
    ["--ro-bind", guestPath, guestFile],
    ["/workspace", homeDirectory, "/run/session"].flatMap((path) => ["--dir", path]),
    ["--", guestFile, world.id, "--container"],
  ].flat();
}

/** What there is to be seen, but for the guest. */
function contents({ image, mounts = [], links = {} }: BubblewrapWorld, nodePrefix: string | null): string[] {
  return [
    image?.kind === "root" ? imageRoot(image.path, "/", mounts) : hostRoot(),
    nodePrefix === null ? [] : ["--ro-bind", nodePrefix, toolDirectory],
    Object.entries(links).flatMap(([path, target]) => ["--symlink", target, path]),
    mounts.flatMap(({ source, target }) => ["--ro-bind", source, target]),
    ["--proc", "/proc", "--tmpfs", "/dev"],
    devices.flatMap((name) => ["--dev-bind", `/dev/${name}`, `/dev/${name}`]),
    // Terminals are the guest's to make; this one is whatever terminal a process already has.
    ["--dev-bind-try", "/dev/tty", "/dev/tty", "--perms", "0755", "--dir", "/dev/pts"],
    ["--symlink", "pts/ptmx", "/dev/ptmx", "--symlink", "/proc/self/fd", "/dev/fd", "--symlink", "/tmp", "/dev/shm"],
    ["stdin", "stdout", "stderr"].flatMap((name, fd) => ["--symlink", `/proc/self/fd/${fd}`, `/dev/${name}`]),
  ].flat();
}

function hostRoot(): string[] {
  return [
    ["--ro-bind", "/usr", "/usr"],
    systemDirectories.flatMap(systemDirectory),
    maskedDirectories.filter((path) => existsSync(path)).flatMap((path) => ["--tmpfs", path, "--remount-ro", path]),
    ["--perms", "0755", "--dir", "/etc"],
    publicConfiguration.flatMap((path) => ["--ro-bind-try", path, path]),
    ["--symlink", "../usr/lib/os-release", "/etc/os-release"],
  ].flat();
}

/**
 * What lies in `source`, shown below `target`. A folder that something is mounted into is made anew, with what it holds
 * bound one by one: a read-only one takes no new names.
 */
function imageRoot(source: string, target: string, mounts: readonly SandboxMount[]): string[] {
  return readdirSync(source, { withFileTypes: true }).flatMap((entry) => {
    const [from, to] = [join(source, entry.name), join(target, entry.name)];
    if (ownDirectories.has(to) || to === guestFile) return [];
    if (entry.isSymbolicLink()) return ["--symlink", readlinkSync(from), to];
    if (entry.isDirectory() && mounts.some((mount) => mount.target.startsWith(`${to}/`))) {
      return ["--perms", "0755", "--dir", to, ...imageRoot(from, to, mounts)];
    }
    return entry.isDirectory() || entry.isFile() ? ["--ro-bind", from, to] : [];
  });
}

export function systemDirectory(path: string): string[] {
  const found = lstatSync(path, { throwIfNoEntry: false });
  if (found === undefined) return [];
  return found.isSymbolicLink() ? ["--symlink", readlinkSync(path), path] : ["--ro-bind", path, path];
}

export function sandboxEnvironment(nodePrefix: string | null): [name: string, value: string][] {
  const tools = nodePrefix === null ? "" : `${toolDirectory}/bin:`;
  return Object.entries({
    PATH: `${tools}/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin`,
    HOME: homeDirectory,
    USER: "agent",
    LOGNAME: "agent",
    SHELL: "/bin/bash",
    LANG: "C.UTF-8",
    TZ: "UTC",
    TERM: "dumb",
    PAGER: "cat",
    GIT_PAGER: "cat",
    MANPAGER: "cat",
    EDITOR: "true",
    VISUAL: "true",
    SOURCE_DATE_EPOCH: String(sourceDate),
    GIT_AUTHOR_DATE: `${sourceDate} +0000`,
    GIT_COMMITTER_DATE: `${sourceDate} +0000`,
    GIT_TERMINAL_PROMPT: "0",
    PYTHONDONTWRITEBYTECODE: "1",
    NODE_REPL_HISTORY: "",
    npm_config_offline: "true",
    npm_config_update_notifier: "false",
    npm_config_fund: "false",
    npm_config_audit: "false",
    npm_config_progress: "false",
    // The name of a log file holds the time, and npm prints it: equal failures would read differently.
    npm_config_logs_max: "0",
  });
}

/**
 * Files of /etc made for the sandbox. The git identity stands in the system's configuration and not in variables, so
 * that `git config user.name` still means what its manual says.
 */
export const sandboxFiles: readonly (readonly [path: string, content: string])[] = [
  [
    "/etc/passwd",
    `root:x:0:0:root:/root:/usr/sbin/nologin\nagent:x:${userId}:${userId}:agent:${homeDirectory}:/bin/bash\n`,
  ],
  ["/etc/group", `root:x:0:\nagent:x:${userId}:\n`],
  ["/etc/hosts", "127.0.0.1 localhost sandbox\n::1 localhost\n"],
  ["/etc/hostname", "sandbox\n"],
  ["/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files\nservices: files\nprotocols: files\n"],
  ["/etc/shells", "/bin/sh\n/bin/bash\n"],
  [
    "/etc/gitconfig",
    [
      "[user]\n\tname = Agent\n\temail = agent@sandbox.invalid",
      "[init]\n\tdefaultBranch = main",
      "[gc]\n\tauto = 0",
      "[maintenance]\n\tauto = false",
      "[pack]\n\tthreads = 1",
      "",
    ].join("\n"),
  ],
];
