// A retrieval replica: rebuilds its index from the demonstrations stream, joins the queue group once it has caught up,
// and follows.
import {
  busVariables,
  connectBus,
  createLogger,
  processVariables,
  readConfig,
  runProcess,
  startAdminServer,
} from "@hindcast/shared/node";
import { collectDefaultMetrics, Registry } from "prom-client";
import { DemonstrationIndex } from "./demonstration-index.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";
import { keepGraphsBuilt } from "./graph-upkeep.ts";
import { RetrievalMetrics } from "./retrieval-metrics.ts";
import { RetrievalService } from "./retrieval-service.ts";

const config = readConfig({ ...processVariables, ...busVariables });
const logger = createLogger({ name: "index-core", level: config.logLevel });

await runProcess({ logger, exitWithParent: config.exitWithParent }, async (shutdown) => {
  const registry = new Registry();
  collectDefaultMetrics({ register: registry });
  const metrics = new RetrievalMetrics(registry);
  if (config.metricsPort !== null) {
    const isReady = (): boolean => shutdown.state === "running";
    const admin = await startAdminServer({ port: config.metricsPort, host: config.metricsHost, registry, isReady });
    shutdown.defer("admin", () => admin.close());
    logger.info({ event: "admin.listening", port: admin.port });
  }

  const index = new DemonstrationIndex();
  shutdown.defer("index", () => index.close());
  const bus = await connectBus({
    servers: config.natsUrl,
    credentials: config.natsUser === null ? null : { user: config.natsUser, password: config.natsPassword ?? "" },
    name: "index-core",
    ...(config.natsUser === null ? {} : { inboxPrefix: `_INBOX_${config.natsUser}` }),
    onStatus: (status) => logger.info({ event: "bus.status", status }),
  });
  shutdown.defer("bus", () => bus.close());

  const { draining } = shutdown;
  const onRejected = (): void => metrics.rejected.inc();
  const projection = new DemonstrationProjection({ log: bus.demonstrations, index, logger, onRejected });
  metrics.observe(index, projection);
  const following = projection.run(draining);
  following.catch((error: unknown) => shutdown.fail(error));
  shutdown.defer("projection", () => following.catch(() => undefined));
  await projection.catchUp(draining);
  const { demonstrations } = await index.stats();
  logger.info({ event: "index.rebuilt", demonstrations, sequence: projection.appliedSequence, version: index.version });

  // Not waited for when draining: a build may take minutes, and closing the index ends it.
  void keepGraphsBuilt(index, logger, draining);
  const service = await bus.serveMicro(new RetrievalService({ index, projection, metrics }).describe());
  shutdown.defer("service", () => service[Symbol.asyncDispose]());
});
