// A retrieval replica: rebuilds its index from the demonstrations stream, joins the queue group once it has caught up,
// and follows.
import { runService } from "@hindcast/shared/node";
import { DemonstrationIndex } from "./demonstration-index.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";
import { keepGraphsBuilt } from "./graph-upkeep.ts";
import { RetrievalMetrics } from "./retrieval-metrics.ts";
import { RetrievalService } from "./retrieval-service.ts";

await runService("index-core", {}, async ({ logger, shutdown, registry, bus }) => {
  const metrics = new RetrievalMetrics(registry);
  const index = new DemonstrationIndex();
  shutdown.defer("index", () => index.close());

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
