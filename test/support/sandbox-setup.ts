// Runs once before the conformance suite of a driver that needs more than bubblewrap: a daemon, a kernel, an image. What
// is missing is installed only in continuous integration, as root; elsewhere the suite is skipped and says why.
import { type ChildProcess, execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, realpathSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { TestProject } from "vitest/node";
import { ImageRecipe } from "../../rollout-agent/src/image/recipe.ts";
import { builderProblems } from "../../rollout-agent/src/image/build-root.ts";
import { imageFolder, imagesOfMachine } from "../../rollout-agent/src/image/images-of-machine.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { DockerEngine } from "../../rollout-agent/src/sandbox/container/docker-engine.ts";
import { fetchKernel, findKernel } from "../../rollout-agent/src/sandbox/machine/machine-kernel.ts";
import type { GivenSandboxes } from "./given-sandboxes.ts";
import { preparePods } from "./pod-setup.ts";

const run = promisify(execFile);
const never = new AbortController().signal;
const daemonStartMs = 30_000;
/** Debian 13's; that of Debian 12 refuses a flag of statx that ls gives. */
const oldestRunsc = "20240101";

declare module "vitest" {
  interface ProvidedContext {
    sandboxes: GivenSandboxes;
  }
}

/** What the suite's commands need; npm is the machine's own, mounted. */
const recipe = ImageRecipe.parse({
  name: "conformance",
  suite: "bookworm",
  packages: ["curl", "file", "git", "less", "nodejs", "python3", "util-linux"],
  files: [
    {
      path: "/usr/local/bin/npm",
      content: '#!/bin/sh\nexec node /opt/npm/bin/npm-cli.js --loglevel=error "$@"\n',
      mode: 0o755,
    },
  ],
});

const packages = {
  container: { needed: "/usr/sbin/dockerd", names: ["docker.io"] },
  gvisor: { needed: "/usr/sbin/dockerd", names: ["docker.io"] },
  kubernetes: { needed: "/usr/bin/kubectl", names: ["kubectl"] },
  vm: { needed: "/usr/bin/qemu-system-x86_64", names: ["qemu-system-x86", "e2fsprogs", "kmod"] },
} as const;

export default async function setup(project: TestProject): Promise<() => Promise<void>> {
  const wanted = project.config.env["HINDCAST_TEST_SANDBOX"];
  const { given, teardown } = await prepareSandboxes(
    wanted === "vm" || wanted === "gvisor" || wanted === "kubernetes" ? wanted : "container",
  );
  project.provide("sandboxes", given);
  return teardown;
}

/** What a driver needs on this machine, or the reason why it cannot be had. */
export async function prepareSandboxes(
  driver: GivenSandboxes["driver"],
): Promise<{ given: GivenSandboxes; teardown: () => Promise<void> }> {
  const cleanups: (() => Promise<void>)[] = [];
  const teardown = async (): Promise<void> => {
    for (const cleanup of cleanups.toReversed()) await cleanup();
  };
  const given: GivenSandboxes = {
    driver,
    reason: null,
    socketPath: "/var/run/docker.sock",
    image: { kind: "root", path: "", hash: "" },
    folder: imageFolder({ sandboxImageFolder: process.env["HINDCAST_TEST_IMAGES"] ?? null }),
    npmFolder: "",
  };
  try {
    if (driver === "kubernetes") assertClusterIsMeant();
    const { needed, names } = packages[driver];
    if (!existsSync(needed)) await install(needed, names);
    const runsc = driver === "gvisor" ? await findRunsc() : null;
    const searchPath = process.env["PATH"] ?? "";
    if (builderProblems({ searchPath }).length > 0) await install("mmdebstrap", ["mmdebstrap"]);
    // npm-cli.js lies in its folder's bin.
    given.npmFolder = join(realpathSync((await run("which", ["npm"])).stdout.trim()), "../..");
    const settings = {
      sandboxImageFolder: given.folder,
      sandboxRecipe: null,
      sandboxDockerSocket: given.socketPath,
      searchPath,
    };
    const images = imagesOfMachine(settings, { guestPath: defaultGuestPath, log: { info: () => {} } });
    const held = await images.acquire(recipe, never);
    cleanups.push(async () => held[Symbol.asyncDispose]());
    given.image = held.ref;
    if (driver === "kubernetes") {
      const { pods, remove } = await preparePods(given);
      cleanups.push(remove);
      given.pods = pods;
    }
    if (driver === "vm" && (await findKernel(given.folder)) === null) await fetchKernel(given.folder, never);
    if (runsc !== null || (driver === "container" && !(await answers(given.socketPath)))) {
      const daemon = await startDaemon(runsc);
      cleanups.push(daemon.stop);
      given.socketPath = daemon.socketPath;
    }
  } catch (error) {
    given.reason = String(error).replaceAll(/\s+/g, " ").slice(0, 300);
  }
  return { given, teardown };
}

/** Not any cluster that happens to be somebody's current one. @throws Error with what to do */
function assertClusterIsMeant(): void {
  if (process.env["HINDCAST_TEST_KUBERNETES"] !== "1") throw new Error("on request: npm run test:pods");
  if (process.env["KUBECONFIG"] === undefined) throw new Error("KUBECONFIG is not set");
}

async function install(what: string, names: readonly string[]): Promise<void> {
  const command = `apt-get install --yes --no-install-recommends ${names.join(" ")}`;
  if (process.env["CI"] !== "true" || process.getuid?.() !== 0) throw new Error(`${what} is missing: ${command}`);
  const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
  await run("apt-get", ["update"], { env });
  await run("apt-get", command.split(" ").slice(1), { env });
}

/** gVisor's runtime, of a release in which Debian's own programs run. @throws Error with what is missing */
async function findRunsc(): Promise<string> {
  const found = await run("which", ["runsc"]).then(
    ({ stdout }) => stdout.trim(),
    () => null,
  );
  if (found === null) throw new Error("runsc is missing: install gVisor (Debian 13: apt-get install runsc)");
  const { stdout } = await run(found, ["--version"]);
  const day = /\b(20\d{6})\b/.exec(stdout)?.[1] ?? "";
  if (day >= oldestRunsc) return found;
  throw new Error(`${found} is of ${day}: programs as common as ls need one of ${oldestRunsc} or later`);
}

/** A daemon that died leaves its socket's file, which says nothing about who listens. */
async function answers(socketPath: string): Promise<boolean> {
  return new DockerEngine(socketPath).call("GET", "/_ping").then(
    () => true,
    () => false,
  );
}

/**
 * A daemon of the tests' own, which touches neither the network nor another daemon's files.
 * @param runsc gVisor's runtime, which it then knows by that name
 */
async function startDaemon(runsc: string | null): Promise<{ socketPath: string; stop: () => Promise<void> }> {
  const folder = await mkdtemp(join(tmpdir(), "hindcast-docker-"));
  const socketPath = join(folder, "docker.sock");
  const configuration = join(folder, "daemon.json");
  const runtimes = runsc === null ? {} : { runsc: { path: runsc, runtimeArgs: ["--network=none"] } };
  await writeFile(configuration, JSON.stringify({ runtimes }));
  const folders = ["--data-root", join(folder, "data"), "--exec-root", join(folder, "run")];
  const network = ["--bridge=none", "--iptables=false", "--ip6tables=false"];
  const rest = [
    "--config-file",
    configuration,
    "--pidfile",
    join(folder, "pid"),
    "--host",
    `unix://${socketPath}`,
    "--log-level",
    "error",
  ];
  const daemon = spawn("/usr/sbin/dockerd", [...folders, ...network, ...rest], { stdio: ["ignore", "ignore", "pipe"] });
  let said = "";
  daemon.stderr.on("data", (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2_000)));
  const stop = async (): Promise<void> => {
    await end(daemon);
    await rm(folder, { recursive: true, force: true });
  };
  const deadline = performance.now() + daemonStartMs;
  while (!existsSync(socketPath)) {
    if (daemon.exitCode === null && performance.now() < deadline) {
      await delay(100);
      continue;
    }
    await stop();
    throw new Error(`dockerd does not start here: ${said}`);
  }
  return { socketPath, stop };
}

async function end(daemon: ChildProcess): Promise<void> {
  if (daemon.exitCode !== null) return;
  const ended = once(daemon, "exit");
  daemon.kill("SIGTERM");
  await ended;
}
