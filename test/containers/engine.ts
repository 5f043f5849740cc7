// The Docker engine: whether there is one, with Compose and our images; and containers as it knows them.
import { execFileSync } from "node:child_process";
import { getContainerRuntimeClient, type StartedTestContainer } from "testcontainers";

/** As deploy/images/build.mjs tags them. */
export const images = ["nats", "coordinator", "index-core", "rollout-agent", "prometheus"].map(
  (name) => `hindcast/${name}:dev`,
);
/** Built by Go, so it may not be there. */
export const exporterImage = "hindcast/nats-exporter:dev";
/** It removes what a killed test run leaves; it has to be pulled. */
const reaperImage = "testcontainers/ryuk";

/** Null where everything is there, else what is missing. */
export async function engineMissing(): Promise<string | null> {
  try {
    await getContainerRuntimeClient();
  } catch {
    return "no Docker engine answers";
  }
  try {
    execFileSync("docker", ["compose", "version"], { stdio: "ignore" });
  } catch {
    return "docker has no Compose";
  }
  const there = imagesThere();
  const missing = images.filter((image) => !there.includes(image));
  return missing.length === 0 ? null : `there is no image ${missing.join(", ")}: npm run build && npm run images`;
}

export const hasExporter = (): boolean => imagesThere().includes(exporterImage);

export function hasReaper(): boolean {
  return imagesThere().some((image) => image.startsWith(reaperImage));
}

function imagesThere(): string[] {
  const format = "{{.Repository}}:{{.Tag}}";
  return execFileSync("docker", ["images", "--format", format], { encoding: "utf8" }).trim().split("\n");
}

export async function versions(): Promise<string> {
  const { info } = await getContainerRuntimeClient();
  const compose = execFileSync("docker", ["compose", "version", "--short"], { encoding: "utf8" }).trim();
  return `Docker ${info.containerRuntime.serverVersion}, Compose ${compose}`;
}

/** As a lost machine would: no signal that it could handle. It is started again by `start`. */
export async function kill(container: StartedTestContainer): Promise<void> {
  await (await raw(container)).kill({ signal: "SIGKILL" });
}

export async function start(container: StartedTestContainer): Promise<void> {
  await (await raw(container)).start();
}

/** SIGTERM and the container's grace. @returns its exit code and how long it took, in seconds */
export async function stop(
  container: StartedTestContainer,
  graceSeconds: number,
): Promise<{ code: number; seconds: number }> {
  const handle = await raw(container);
  const begun = performance.now();
  await handle.stop({ t: graceSeconds });
  const seconds = (performance.now() - begun) / 1000;
  return { code: (await handle.inspect()).State.ExitCode, seconds };
}

async function raw(container: StartedTestContainer) {
  return (await getContainerRuntimeClient()).container.getById(container.getId());
}
