// Which programs make up the local cluster, and what each is told by its environment.
import { join, resolve } from "node:path";
import { coordinatorVariables, indexVariables, type ProcessEnvironment, workerVariables } from "@hindcast/shared/node";
import { allocatorEnvironment } from "./allocator.ts";
import { pool as defaultPool, workerIds } from "./broker.ts";
import type { LocalClusterOptions } from "./local-cluster.ts";
import type { ProcessSpec } from "./supervised-process.ts";

const root = resolve(import.meta.dirname, "../../..");
const fromSource = (path: string): string[] => ["--conditions=source", "--enable-source-maps", join(root, path)];

export interface ProcessSpecs {
  reaper: ProcessSpec;
  /** Each stage starts when the one before is ready. */
  stages: ProcessSpec[][];
}

export function processSpecs(
  options: LocalClusterOptions,
  broker: { url: string; credentialsDirectory: string },
): ProcessSpecs {
  const spec = (name: string, part: ProcessSpec["part"], path: string, more: Record<string, string>): ProcessSpec => ({
    name,
    part,
    command: fromSource(path),
    logPath: join(options.dataDirectory, "logs", `${name}.log`),
    env: { ...inherited(options.environment), HINDCAST_LOG_LEVEL: options.logLevel, ...more },
  });
  const pool = options.pool ?? defaultPool;
  const bus = (user: string): Record<string, string> => ({
    HINDCAST_NATS_URL: broker.url,
    HINDCAST_NATS_USER: user,
    HINDCAST_NATS_PASSWORD_FILE: join(broker.credentialsDirectory, user),
    HINDCAST_METRICS_PORT: "0",
  });
  const [coordinator, ...standbys] = Array.from({ length: options.coordinators }, (_, i) =>
    spec(i === 0 ? "coordinator" : `coordinator-${i + 1}`, "coordinator", "coordinator/src/main.ts", {
      ...allocatorEnvironment,
      ...bus("coordinator"),
      ...options.modelEnvironment,
      ...options.admissionEnvironment,
      ...options.storageEnvironment,
      [coordinatorVariables.pools.name]: pool,
    }),
  );
  const index = spec("index-core", "index", "index-core/ts/main.ts", {
    ...bus("index-core"),
    [indexVariables.indexFolder.name]: join(options.dataDirectory, "index"),
    ...options.indexEnvironment,
  });
  const agents = workerIds(options.agents).map((id, i) =>
    spec(`rollout-agent-${i + 1}`, "agents", "rollout-agent/src/main.ts", {
      ...allocatorEnvironment,
      ...bus(id),
      ...options.modelEnvironment,
      ...userFile(options.environment, workerVariables.worldsFile),
      ...userFile(options.environment, workerVariables.sitesFile),
      ...options.sandboxEnvironment,
      HINDCAST_WORKER_ID: id,
      HINDCAST_SLOTS: String(options.slots),
      [workerVariables.pool.name]: pool,
      ...browserPlaces(options.environment),
      ...sweBenchPlaces(options.environment),
    }),
  );
  const has = (specs: ProcessSpec[]): ProcessSpec[] =>
    specs.filter(({ part }) => options.parts.some((wanted) => wanted === part));
  return {
    reaper: {
      ...spec("reaper", "reaper", "coordinator/src/local/reaper.ts", {}),
      command: [...fromSource("coordinator/src/local/reaper.ts"), options.dataDirectory],
    },
    stages: [has(coordinator === undefined ? [] : [coordinator]), has([...standbys, index, ...agents])],
  };
}

/** A file of the user's, if there is one; agents run in another folder. */
function userFile(environment: ProcessEnvironment, { name }: { name: string }): Record<string, string> {
  const path = environment[name];
  return path === undefined || path === "" ? {} : { [name]: resolve(path) };
}

/** The user's browser and MiniWoB's pages; agents run in another folder. */
function browserPlaces(environment: ProcessEnvironment): Record<string, string> {
  const names = [workerVariables.chromiumPath.name, workerVariables.miniWobFolder.name];
  return Object.fromEntries(
    names.flatMap((name) => {
      const path = environment[name];
      return path === undefined || path === "" ? [] : [[name, resolve(path)]];
    }),
  );
}

/** Where SWE-bench's worlds come from; agents run in another folder, so a relative cache is the user's. */
function sweBenchPlaces(environment: ProcessEnvironment): Record<string, string> {
  const { sweBenchCache, sweBenchRepositories } = workerVariables;
  const cache = environment[sweBenchCache.name];
  if (cache === undefined || cache === "") return {};
  return {
    [sweBenchCache.name]: resolve(cache),
    [sweBenchRepositories.name]: environment[sweBenchRepositories.name] ?? "",
  };
}

/** What programs need of the user's environment; settings and keys are handed over one by one instead. */
function inherited(environment: ProcessEnvironment): Record<string, string> {
  const names = [
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "XDG_RUNTIME_DIR",
    "MANPATH",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "NODE_COMPILE_CACHE",
    "NODE_EXTRA_CA_CERTS",
    "SSL_CERT_FILE",
  ];
  const ofTelemetry = Object.keys(environment).filter((name) => name.startsWith("OTEL_"));
  return Object.fromEntries(
    [...names, ...ofTelemetry].flatMap((name) => {
      const value = environment[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
