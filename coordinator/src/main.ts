// The coordinator: creates what the bus needs, runs campaigns, answers `hindcast.control.*`.
import {
  busVariables,
  connectBus,
  createLogger,
  createModels,
  modelVariables,
  processVariables,
  readConfig,
  runProcess,
  startAdminServer,
} from "@hindcast/shared/node";
import { collectDefaultMetrics, Registry } from "prom-client";
import { CampaignService } from "./campaign-service.ts";
import { reconcileDeadLetters } from "./dead-letter-reconciler.ts";

/** Tasks wait on disk up to this much; a fuller queue makes the coordinator wait. */
const tasksBytesMax = 256 * 1024 * 1024;
const pools = ["shell"];

const config = readConfig({ ...processVariables, ...busVariables, ...modelVariables });
const logger = createLogger({ name: "coordinator", level: config.logLevel });

await runProcess({ logger, exitWithParent: config.exitWithParent }, async (shutdown) => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const bus = await connectBus({
    servers: config.natsUrl,
    credentials: config.natsUser === null ? null : { user: config.natsUser, password: config.natsPassword ?? "" },
    name: "coordinator",
    inboxPrefix: "_INBOX_coordinator",
    onStatus: (status) => logger.info({ event: "bus.status", status }),
  });
  shutdown.defer("bus", () => bus.close());
  await bus.ensureTopology({ pools, replicas: 1, tasksBytesMax });
  if (config.metricsPort !== null) {
    const admin = await startAdminServer({
      port: config.metricsPort,
      host: config.metricsHost,
      registry,
      isReady: () => shutdown.state === "running",
    });
    shutdown.defer("admin", () => admin.close());
    logger.info({ event: "admin.listening", port: admin.port });
  }
  const reconciling = reconcileDeadLetters({ bus, pools, logger }, shutdown.draining);
  shutdown.defer("reconciler", () => reconciling);
  const campaigns = new CampaignService({ bus, model: createModels({ config, bus, logger }), logger });
  await campaigns.start();
  shutdown.defer("campaigns", () => campaigns[Symbol.asyncDispose]());
});
