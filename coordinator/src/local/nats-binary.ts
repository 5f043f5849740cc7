// Finds a nats-server that is new enough, or makes one: per-message expiry, delete markers and batched reads need 2.12,
// which is newer than what distributions package. In the order of least surprise: what the user named, what is on PATH,
// what was made before, a build with Go, the official container image. The binary is taken out of the image and not run
// as a container, so that every door leads to the same process with the same signals. Release archives are not
// downloaded: nothing here could vouch for their content.
import { execFile } from "node:child_process";
import { access, constants, mkdir, mkdtemp, rename, rm } from "node:fs/promises";
import { join } from "node:path";
import { promisify } from "node:util";
import { HindcastError, messageOf } from "@hindcast/shared";
import { isNewEnough, natsServerVersionMin } from "@hindcast/shared/node";

const run = promisify(execFile);

export const natsServerVersion = "2.14.5";

/** A build downloads and compiles some two hundred packages. */
const buildTimeoutMs = 600_000;

export interface NatsBinaryOptions {
  /** Path the user gave (HINDCAST_NATS_SERVER); it is used or refused, never silently replaced. */
  configured?: string | undefined;
  /** Where a binary that had to be made is kept. */
  cacheDirectory: string;
  log: (line: string) => void;
}

interface Door {
  name: string;
  open: () => Promise<string | null>;
}

/** @returns the path of a usable binary. @throws CONFIG_INVALID naming every remedy. */
export async function findNatsServer(options: NatsBinaryOptions): Promise<string> {
  if (options.configured !== undefined && options.configured !== "") {
    const problem = await problemOf(options.configured);
    if (problem === null) return options.configured;
    throw unusable(`HINDCAST_NATS_SERVER names ${options.configured}, but ${problem}`);
  }
  const cached = join(options.cacheDirectory, `nats-server-${natsServerVersion}`);
  const doors: Door[] = [
    { name: "nats-server on PATH", open: () => ifUsable("nats-server") },
    { name: `cached build ${cached}`, open: () => ifUsable(cached) },
    { name: "go install", open: () => buildWithGo(options, cached) },
    { name: "container image", open: () => takeFromImage(options, cached) },
  ];
  const failures: string[] = [];
  for (const door of doors) {
    try {
      const binary = await door.open();
      if (binary !== null) return binary;
      failures.push(`${door.name}: not there, or older than ${natsServerVersionMin.join(".")}`);
    } catch (error) {
      failures.push(`${door.name}: ${firstLine(messageOf(error))}`);
    }
  }
  throw unusable(`no nats-server could be found or made (${failures.join("; ")})`);
}

async function ifUsable(binary: string): Promise<string | null> {
  return (await problemOf(binary)) === null ? binary : null;
}

/** Null when the binary runs and is new enough, else what is wrong with it. */
async function problemOf(binary: string): Promise<string | null> {
  try {
    const { stdout } = await run(binary, ["--version"], { timeout: 10_000 });
    const version = parseNatsVersion(stdout);
    if (version === null) return `it does not answer --version as nats-server does: ${firstLine(stdout)}`;
    return isNewEnough(version.join("."))
      ? null
      : `it is ${version.join(".")}, older than ${natsServerVersionMin.join(".")}`;
  } catch (error) {
    return `it does not run: ${firstLine(messageOf(error))}`;
  }
}

/** `nats-server: v2.14.5` → [2, 14, 5]. */
export function parseNatsVersion(output: string): [number, number, number] | null {
  const match = /^nats-server: v(\d+)\.(\d+)\.(\d+)/.exec(output.trim());
  return match === null ? null : [Number(match[1]), Number(match[2]), Number(match[3])];
}

async function buildWithGo({ cacheDirectory, log }: NatsBinaryOptions, target: string): Promise<string | null> {
  const { stdout } = await run("go", ["version"], { timeout: 10_000 });
  log(`building nats-server ${natsServerVersion} with ${stdout.trim()} (once; a few minutes)`);
  return await inWorkDirectory(cacheDirectory, async (directory) => {
    const module = `github.com/nats-io/nats-server/v2@v${natsServerVersion}`;
    // `env` adds to the inherited environment, which Go needs for its own caches and proxies.
    await run("env", [`GOBIN=${directory}`, "go", "install", module], { timeout: buildTimeoutMs });
    return await keep(join(directory, "nats-server"), target);
  });
}

async function takeFromImage({ cacheDirectory, log }: NatsBinaryOptions, target: string): Promise<string | null> {
  const image = `nats:${natsServerVersion}`;
  await run("docker", ["version"], { timeout: 10_000 });
  log(`taking nats-server out of the container image ${image}`);
  const { stdout } = await run("docker", ["create", image], { timeout: buildTimeoutMs });
  const container = stdout.trim().split("\n").at(-1) ?? "";
  try {
    return await inWorkDirectory(cacheDirectory, async (directory) => {
      const copied = join(directory, "nats-server");
      await run("docker", ["cp", `${container}:/nats-server`, copied], { timeout: 60_000 });
      return await keep(copied, target);
    });
  } finally {
    await run("docker", ["rm", "--force", container], { timeout: 60_000 });
  }
}

/** Moves a binary that works into place at once, so that a reader never sees half of it. */
async function keep(made: string, target: string): Promise<string | null> {
  await access(made, constants.X_OK);
  if ((await problemOf(made)) !== null) return null;
  await rename(made, target);
  return target;
}

async function inWorkDirectory<T>(parent: string, work: (directory: string) => Promise<T>): Promise<T> {
  await mkdir(parent, { recursive: true });
  const directory = await mkdtemp(join(parent, "making-"));
  try {
    return await work(directory);
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

function firstLine(text: string): string {
  return text.trim().split("\n")[0] ?? "";
}

function unusable(what: string): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message:
      `${what}. Remedies, any one: install nats-server ${natsServerVersionMin.join(".")} or newer from ` +
      `https://github.com/nats-io/nats-server/releases and put it on PATH; or set HINDCAST_NATS_SERVER to its path; ` +
      `or install Go 1.25 or newer (https://go.dev/dl), and Hindcast builds ${natsServerVersion}; ` +
      `or install Docker, and Hindcast takes it from the image nats:${natsServerVersion}`,
  });
}
