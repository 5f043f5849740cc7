// A retrieval replica in the test's own process, over a real bus.
import { DemonstrationIndex, DemonstrationProjection, RetrievalMetrics, RetrievalService } from "@hindcast/index-core";
import { silentLogger } from "@hindcast/shared/node";
import { Registry } from "prom-client";
import type { TestNats } from "./nats-server.ts";

export interface Replica extends AsyncDisposable {
  projection: DemonstrationProjection;
  registry: Registry;
  index: DemonstrationIndex;
}

/** Resolves when the replica has caught up and answers. */
export async function aReplica(nats: TestNats, partition?: { index: number; of: number }): Promise<Replica> {
  const bus = await nats.connect("index-core");
  const index = await DemonstrationIndex.open({});
  const stop = new AbortController();
  const registry = new Registry();
  const metrics = new RetrievalMetrics(registry);
  const projection = new DemonstrationProjection({
    log: bus.demonstrations,
    index: index.trusting,
    logger: silentLogger,
    onRejected: (reason) => metrics.rejectedFor(reason),
    ...(partition === undefined ? {} : { partition }),
  });
  metrics.observe(index, projection);
  const following = projection.run(stop.signal);
  await projection.catchUp(stop.signal);
  const service = await bus.serveMicro(
    new RetrievalService({
      index: index.trusting,
      projection,
      metrics,
      stopping: stop.signal,
      ...(partition === undefined ? {} : { partition: { ...partition, bus } }),
    }).describe(),
  );
  return {
    projection,
    registry,
    index,
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await service[Symbol.asyncDispose]();
      await following;
      await index.close();
      await bus.close();
    },
  };
}
