// A command's way to the bus: the server that the configuration names, the cluster that runs in the data directory, or
// one that is started for as long as the command needs it.
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import {
  admissionVariables,
  type Bus,
  connectBus,
  indexVariables,
  modelVariables,
  sandboxVariables,
  storageVariables,
} from "@hindcast/shared/node";
import { natsBinaryOptions } from "../local/binary-options.ts";
import type { ClusterPart } from "../local/cluster-file.ts";
import {
  type ClusterAccess,
  type ClusterEvent,
  nothingRuns,
  runningCluster,
  startLocalCluster,
} from "../local/local-cluster.ts";
import { poolOf } from "../worlds/pool-of.ts";
import { formatDuration } from "../report/format.ts";
import type { CommandContext } from "./command-context.ts";

export interface Session {
  bus: Bus;
  /** Null on a server that was not started here. */
  cluster: ClusterAccess | null;
}

export interface SessionOptions {
  /** What has to run besides the broker, if it is started here. */
  parts: readonly ClusterPart[];
  /** Whether a cluster may be started when none runs. @default true */
  mayStart?: boolean;
  /** NATS user of a local cluster. @default "client" */
  user?: "client" | "coordinator";
}

/** Runs `work` with a bus and cleans up after it, whatever happens. */
export async function withSession<T>(
  context: CommandContext,
  options: SessionOptions,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  const { natsUrl } = context.loaded.config.cluster;
  const cluster = natsUrl === null ? await openCluster(context, options) : null;
  try {
    const bus = await connect(context, cluster, options.user ?? "client");
    try {
      return await work({ bus, cluster });
    } finally {
      await bus.close();
    }
  } finally {
    context.terminal.status("");
    await cluster?.stop(context.interruption.forced);
  }
}

export async function openCluster(context: CommandContext, options: SessionOptions): Promise<ClusterAccess> {
  const { dataDirectory, interruption, terminal } = context;
  const { coordinators, agents, slots, logLevel } = context.loaded.config.cluster;
  const isRunning = runningCluster(dataDirectory) !== null;
  if (options.mayStart === false && !isRunning) throw nothingRuns(dataDirectory);
  if (!options.parts.includes("coordinator") && !isRunning && !existsSync(join(dataDirectory, "nats"))) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `there is nothing in ${dataDirectory} yet; \`hindcast run\` learns something first`,
    });
  }
  return await startLocalCluster(
    {
      dataDirectory,
      parts: options.parts,
      mayStart: options.mayStart ?? true,
      agents,
      slots,
      pool: poolOf(context.loaded.config.campaign.environment),
      coordinators,
      logLevel,
      natsBinary: natsBinaryOptions(context.env, (line) => terminal.line(line)),
      environment: context.env,
      modelEnvironment: modelEnvironment(context),
      admissionEnvironment: admissionEnvironment(context),
      storageEnvironment: storageEnvironment(context),
      sandboxEnvironment: sandboxEnvironment(context),
      indexEnvironment: indexEnvironment(context),
      onEvent: (event) => printClusterEvent(context, event),
    },
    interruption.asked,
  );
}

async function connect(
  context: CommandContext,
  cluster: ClusterAccess | null,
  user: "client" | "coordinator",
): Promise<Bus> {
  if (cluster !== null) {
    const password = readFileSync(join(cluster.credentialsDirectory, user), "utf8");
    // The coordinator itself listens under its own prefix; a second connection of that user may share it.
    return connectBus({
      servers: cluster.url,
      credentials: { user, password },
      name: "hindcast",
      inboxPrefix: `_INBOX_${user}`,
    });
  }
  const { natsUrl, natsUser, natsPasswordFile, natsCaFile } = context.loaded.config.cluster;
  const password = natsPasswordFile === null ? "" : readPassword(natsPasswordFile);
  return connectBus({
    servers: natsUrl ?? "",
    credentials: natsUser === null ? null : { user: natsUser, password },
    caFile: natsCaFile,
    name: "hindcast",
    ...(natsUser === null ? {} : { inboxPrefix: `_INBOX_${natsUser}` }),
  });
}

export function readPassword(path: string): string {
  try {
    return readFileSync(path, "utf8").trim();
  } catch (error) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `cluster.natsPasswordFile ${path} cannot be read: ${String(error)}`,
    });
  }
}

/** Keys as the user gave them, endpoints as the configuration has them. */
export function modelEnvironment({ loaded }: Pick<CommandContext, "loaded">): Record<string, string> {
  const { anthropicBaseUrl, geminiBaseUrl, geminiDriver, openaiBaseUrl, pricesFile } = loaded.config.models;
  const settings: Record<string, string | null> = {
    [modelVariables.anthropicApiKey.name]: loaded.keys.anthropicApiKey,
    [modelVariables.geminiApiKey.name]: loaded.keys.geminiApiKey,
    [modelVariables.openaiApiKey.name]: loaded.keys.openaiApiKey,
    [modelVariables.anthropicBaseUrl.name]: anthropicBaseUrl,
    [modelVariables.geminiBaseUrl.name]: geminiBaseUrl,
    [modelVariables.geminiDriver.name]: geminiDriver,
    [modelVariables.openaiBaseUrl.name]: openaiBaseUrl,
    [modelVariables.pricesFile.name]: pricesFile,
  };
  return withoutNulls(settings);
}

/** What isolates commands, for the agents. */
export function sandboxEnvironment({ loaded }: Pick<CommandContext, "loaded">): Record<string, string> {
  const { driver, recipe, imageFolder, runtime, dockerSocket, kubeconfig, volumes, warm, ...pods } =
    loaded.config.sandbox;
  return withoutNulls({
    [sandboxVariables.sandboxDriver.name]: driver,
    [sandboxVariables.sandboxRecipe.name]: recipe === null ? null : resolve(recipe),
    [sandboxVariables.sandboxImageFolder.name]: imageFolder === null ? null : resolve(imageFolder),
    [sandboxVariables.sandboxRuntime.name]: runtime,
    [sandboxVariables.sandboxDockerSocket.name]: dockerSocket,
    [sandboxVariables.sandboxKubeconfig.name]: kubeconfig === null ? null : resolve(kubeconfig),
    [sandboxVariables.sandboxNamespace.name]: pods.namespace,
    [sandboxVariables.sandboxRepository.name]: pods.repository,
    [sandboxVariables.sandboxWarmPool.name]: pods.warmPool,
    [sandboxVariables.sandboxSeccompProfile.name]: pods.seccompProfile,
    [sandboxVariables.sandboxVolumes.name]: volumes.join(","),
    [sandboxVariables.sandboxWarm.name]: String(warm),
  });
}

/** What the operator decides about admission, for the coordinator. */
function admissionEnvironment({ loaded }: CommandContext): Record<string, string> {
  const { fleetUsdMax, lanes, allowUnknownPrices, ...bounds } = loaded.config.admission;
  return withoutNulls({
    [admissionVariables.fleetUsdMax.name]: fleetUsdMax?.toString() ?? null,
    [admissionVariables.lanes.name]: lanes.join(","),
    [admissionVariables.concurrencyMin.name]: String(bounds.concurrencyMin),
    [admissionVariables.concurrencyStart.name]: String(bounds.concurrencyStart),
    [admissionVariables.concurrencyMax.name]: String(bounds.concurrencyMax),
    [admissionVariables.allowUnknownPrices.name]: allowUnknownPrices ? "1" : "0",
  });
}

/** All of them by name: what is not limited here must not fall back to a default there. */
function storageEnvironment({ loaded }: CommandContext): Record<string, string> {
  const names = Object.entries(storageVariables) as [keyof typeof storageVariables, { name: string }][];
  return Object.fromEntries(names.map(([key, { name }]) => [name, String(loaded.config.storage[key] ?? "none")]));
}

/** The embedder, and access to its provider alone: an index that asks nobody gets no key. */
function indexEnvironment({ loaded }: CommandContext): Record<string, string> {
  const { index, models } = loaded.config;
  const access: Record<string, Record<string, string | null>> = {
    gemini: {
      [modelVariables.geminiApiKey.name]: loaded.keys.geminiApiKey,
      [modelVariables.geminiBaseUrl.name]: models.geminiBaseUrl,
      [modelVariables.pricesFile.name]: models.pricesFile,
    },
    openai: {
      [modelVariables.openaiApiKey.name]: loaded.keys.openaiApiKey,
      [modelVariables.openaiBaseUrl.name]: models.openaiBaseUrl,
      [modelVariables.pricesFile.name]: models.pricesFile,
    },
  };
  return withoutNulls({
    [indexVariables.indexEmbedder.name]: index.embedder,
    [indexVariables.indexEmbeddingDimensions.name]: index.embeddingDimensions?.toString() ?? null,
    ...access[index.embedder.split(":")[0] ?? ""],
  });
}

function withoutNulls(settings: Record<string, string | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(settings).flatMap(([name, value]) => (value === null ? [] : [[name, value]])),
  );
}

function printClusterEvent({ terminal }: CommandContext, event: ClusterEvent): void {
  switch (event.kind) {
    case "starting":
      terminal.status(`starting ${event.name} …`);
      break;
    case "ready":
      terminal.status("");
      terminal.line(`${event.name} is ready (${formatDuration(event.ms)})`);
      break;
    case "died":
      terminal.note(
        `${event.name} ended unexpectedly (${event.detail}); starting it again in ${formatDuration(event.delayMs)}`,
      );
      break;
    case "waiting":
      terminal.note(`${event.detail}; waiting`);
      break;
  }
  terminal.event({ event: `cluster.${event.kind}`, ...event });
}
