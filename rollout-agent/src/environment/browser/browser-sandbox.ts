// The sandbox of one browser: bubblewrap's namespaces with Chromium in them. No file of the host but the system's
// programs, fonts and certificates; a network of its own whose only way out is a socket that the gate listens on. Chromium
// keeps its own sandbox for its renderers inside. Playwright starts browsers by a path, so what it starts is a script.
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { guestFile, maskedDirectories, systemDirectories, systemDirectory } from "../../sandbox/sandbox-world.ts";

/** Where the browser finds the proxy inside: a port of its own network. */
export const proxyPort = 3128;
/** Each of them of its own size: shared memory, /tmp, the home. */
export const temporaryFolders = 3;
const nobody = 65_534;
const folderPrefix = "hindcast-browser-";

/** In the order in which they are tried; the first of Debian is the program behind its own start script. */
const knownBrowsers = [
  "/usr/lib/chromium/chromium",
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/opt/google/chrome/chrome",
  "/usr/bin/google-chrome-stable",
];

const configuration = [
  "/etc/alternatives",
  "/etc/chromium",
  "/etc/chromium.d",
  "/etc/fonts",
  "/etc/ld.so.cache",
  "/etc/mime.types",
  "/etc/ssl/certs",
  "/var/cache/fontconfig",
];

export interface BrowserPrograms {
  chromiumPath: string;
  bwrapPath: string;
  /** `hindcast-guest`, whose `relay` connects the browser's network with the gate's socket. */
  guestPath: string;
}

/** The browser's program: the one that was configured, else the first known one that exists. */
export function findChromium(configured: string | null): string | null {
  const candidates = configured === null ? knownBrowsers : [configured];
  const found = candidates.find((path) => existsSync(path));
  return found === undefined ? null : realpathSync(found);
}

/** What keeps this machine from starting browsers, with the remedy. */
export function missingPrograms(
  configured: string | null,
  { bwrapPath, guestPath }: Omit<BrowserPrograms, "chromiumPath">,
): string[] {
  const problems: string[] = [];
  if (process.platform !== "linux") problems.push(`Browsers need Linux; this is ${process.platform}.`);
  if (findChromium(configured) === null) {
    problems.push(
      configured === null
        ? "Chromium is missing: install it (Debian: apt-get install chromium) or set HINDCAST_CHROMIUM_PATH to one."
        : `HINDCAST_CHROMIUM_PATH names ${configured}, which does not exist: correct it, or unset it to find Debian's.`,
    );
  }
  if (!existsSync(bwrapPath)) {
    problems.push(`${bwrapPath} is missing: install bubblewrap (Debian, Ubuntu: apt-get install bubblewrap).`);
  }
  if (!existsSync(guestPath)) {
    problems.push(`${guestPath} is missing: run "cargo build --release" in rollout-agent/guest.`);
  }
  return problems;
}

export interface ScriptOptions {
  /** Of the sandbox, as the command lines of its processes say it. */
  name: string;
  programs: BrowserPrograms;
  /** Of each writable folder inside. */
  temporaryBytesMax: number;
  /** Where the browser enters its control group; null: there is none. */
  procsFile: string | null;
}

/** A folder on the host for one browser's socket and start script, removed when it is closed. */
export class BrowserFolder implements Disposable {
  readonly path: string;
  readonly #userId: number | null;

  constructor() {
    removeLeftovers();
    this.path = mkdtempSync(join(tmpdir(), `${folderPrefix}${process.pid}-`));
    // As root the browser runs as nobody, who must find the socket; nobody else may.
    this.#userId = process.getuid?.() === 0 ? nobody : null;
    if (this.#userId !== null) chownSync(this.path, this.#userId, this.#userId);
  }

  get socketPath(): string {
    return join(this.path, "gate.sock");
  }

  /** Once the gate listens: lets the browser's user connect. */
  shareSocket(): void {
    if (this.#userId !== null) chownSync(this.socketPath, this.#userId, this.#userId);
  }

  /** Of the outermost process, once the script was started. */
  get pid(): number {
    return Number(readFileSync(this.#pidFile, "utf8"));
  }

  get #pidFile(): string {
    return join(this.path, "pid");
  }

  /** @returns the path of a program that starts the sandboxed browser with the arguments and descriptors that it gets. */
  writeScript({ name, programs, temporaryBytesMax, procsFile }: ScriptOptions): string {
    const { guestPath, bwrapPath, chromiumPath } = programs;
    const drop =
      this.#userId === null ? [] : ["/usr/bin/setpriv", `--reuid=${nobody}`, `--regid=${nobody}`, "--clear-groups"];
    const relay = [guestFile, name, "relay", String(proxyPort), "/run/gate.sock"];
    const command = [
      ...drop,
      bwrapPath,
      ...namespaces,
      ...files(chromiumPath, temporaryBytesMax),
      ...socketAndRelay(this.socketPath),
      ...relay,
      chromiumPath,
    ];
    const path = join(this.path, "start");
    const script = [
      "#!/bin/sh",
      `echo $$ > ${quoted(this.#pidFile)}`,
      // A group that cannot be entered is no reason to start nothing: the watch holds in any case.
      ...(procsFile === null ? [] : [`{ echo $$ > ${quoted(procsFile)}; } 2>/dev/null || :`]),
      // Playwright's pipes are descriptors 3 and 4.
      `exec 5<${quoted(guestPath)}`,
      `exec ${command.map(quoted).join(" ")} "$@"`,
    ];
    writeFileSync(path, `${script.join("\n")}\n`);
    chmodSync(path, 0o700);
    return path;
  }

  [Symbol.dispose](): void {
    rmSync(this.path, { recursive: true, force: true });
  }
}

const namespaces = [
  ["--unshare-user", "--unshare-ipc", "--unshare-pid", "--unshare-net", "--unshare-uts", "--unshare-cgroup-try"],
  ["--uid", "1000", "--gid", "1000", "--hostname", "browser", "--die-with-parent", "--new-session"],
  ["--cap-drop", "ALL", "--clearenv", "--setenv", "HOME", "/home/agent", "--setenv", "LANG", "C.UTF-8"],
  ["--setenv", "PATH", "/usr/bin:/bin", "--setenv", "TZ", "UTC", "--setenv", "XDG_RUNTIME_DIR", "/tmp"],
].flat();

function files(chromiumPath: string, temporaryBytesMax: number): string[] {
  const home = dirname(chromiumPath);
  return [
    ["--ro-bind", "/usr", "/usr"],
    systemDirectories.flatMap(systemDirectory),
    maskedDirectories.filter((path) => existsSync(path)).flatMap((path) => ["--tmpfs", path, "--remount-ro", path]),
    ["--perms", "0755", "--dir", "/etc"],
    configuration.flatMap((path) => ["--ro-bind-try", path, path]),
    home.startsWith("/usr/") ? [] : ["--ro-bind", home, home],
    ["--proc", "/proc", "--dev", "/dev", "--size", String(temporaryBytesMax), "--tmpfs", "/dev/shm"],
    [
      "--size",
      String(temporaryBytesMax),
      "--tmpfs",
      "/tmp",
      "--size",
      String(temporaryBytesMax),
      "--tmpfs",
      "/home/agent",
    ],
    ["--dir", "/run"],
  ].flat();
}

/** Descriptor 5 is the relay's binary. */
function socketAndRelay(socketPath: string): string[] {
  return ["--bind", socketPath, "/run/gate.sock", "--perms", "0555", "--ro-bind-data", "5", guestFile, "--"];
}

/** Folders of processes that were killed before they could remove them. */
function removeLeftovers(): void {
  for (const name of readdirSync(tmpdir())) {
    const owner = new RegExp(`^${folderPrefix}(\\d+)-`).exec(name)?.[1];
    if (owner === undefined || existsSync(`/proc/${owner}`)) continue;
    try {
      rmSync(join(tmpdir(), name), { recursive: true, force: true });
    } catch {
      // Another user's, whose next browser removes it: no reason for ours not to start.
    }
  }
}

function quoted(word: string): string {
  return `'${word.replaceAll("'", String.raw`'\''`)}'`;
}
