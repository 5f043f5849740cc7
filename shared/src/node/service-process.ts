// What the three processes have in common: settings from the environment, a log, the operator's port, the bus, and an
// orderly end. What they do is the `start` that they hand in.
import { Registry } from "prom-client";
import { messageOf, toHindcastError } from "../errors.ts";
import { startAdminServer } from "./admin-server.ts";
import type { Bus } from "./bus/bus.ts";
import { connectBus } from "./bus/connect.ts";
import { logBusStatus } from "./bus-status-log.ts";
import { type ConfigOf, readConfig } from "./config.ts";
import type { EnvironmentVariables } from "./environment-variable.ts";
import { busVariables, processVariables, tracingVariables } from "./environment-variables.ts";
import { runProcess, type Shutdown } from "./lifecycle.ts";
import { createLogger, type Logger } from "./logger.ts";
import { LeaseMetrics } from "./telemetry/lease-metrics.ts";
import type { ProcessName } from "./telemetry/metric-definition.ts";
import { ProcessMetrics } from "./telemetry/process-metrics.ts";
import { startTracing } from "./telemetry/tracing.ts";

const commonVariables = { ...processVariables, ...busVariables, ...tracingVariables };

export interface Service<V extends EnvironmentVariables> {
  config: ConfigOf<V & typeof commonVariables>;
  logger: Logger;
  shutdown: Shutdown;
  registry: Registry;
  /** Null where the process leases no tasks. */
  leaseMetrics: LeaseMetrics | null;
  bus: Bus;
}

/**
 * Runs a process until it is told to stop. Settings that cannot be read end it before anything is opened, with one
 * line on standard error and exit code 2.
 */
export async function runService<V extends EnvironmentVariables>(
  name: ProcessName,
  variables: V,
  start: (service: Service<V>) => Promise<void>,
): Promise<never> {
  const config = readConfigOrExit(variables);
  const { logLevel, exitWithParent, metricsPort, metricsHost, natsUrl, natsUser, natsPassword, natsCaFile } =
    config as ConfigOf<typeof commonVariables>;
  const logger = createLogger({ name, level: logLevel });
  return runProcess({ logger, exitWithParent }, async (shutdown) => {
    const registry = new Registry();
    // Deferred first, hence closed last: what the others do while they close is sent too.
    const common = config as ConfigOf<typeof commonVariables>;
    const tracing = await startTracing({ name, config: common, registry, logger });
    if (tracing !== null) shutdown.defer("tracing", () => tracing.close());
    const metrics = new ProcessMetrics(registry, name, () => shutdown.state);
    const leaseMetrics = name === "index-core" ? null : new LeaseMetrics(registry);
    if (metricsPort !== null) {
      const isReady = (): boolean => shutdown.state === "running";
      const admin = await startAdminServer({ port: metricsPort, host: metricsHost, registry, isReady });
      shutdown.defer("admin", () => admin.close());
      logger.info({ event: "admin.listening", port: admin.port });
    }
    const bus = await connectBus({
      servers: natsUrl,
      credentials: natsUser === null ? null : { user: natsUser, password: natsPassword ?? "" },
      caFile: natsCaFile,
      name: natsUser === null || natsUser === name ? name : `${name} ${natsUser}`,
      // Replies come under a prefix of the user's own: permissions confine them to it.
      ...(natsUser === null ? {} : { inboxPrefix: `_INBOX_${natsUser}` }),
      onStatus: (status) => {
        metrics.status(status);
        logBusStatus(logger, status);
      },
      // Started anew it reads its password again.
      onClosed: (error) => shutdown.fail(error),
      ...(leaseMetrics === null ? {} : { onLease: (event) => leaseMetrics.lease(event) }),
    });
    metrics.connected();
    shutdown.defer("bus", () => bus.close());
    await start({ config, logger, shutdown, registry, leaseMetrics, bus });
  });
}

function readConfigOrExit<V extends EnvironmentVariables>(variables: V): ConfigOf<V & typeof commonVariables> {
  try {
    return readConfig({ ...commonVariables, ...variables });
  } catch (error) {
    process.stderr.write(`error: ${messageOf(error)} (${toHindcastError(error, "config").code})\n`);
    process.exit(2);
  }
}
