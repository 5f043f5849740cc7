// A retrieval replica: opens its index, or a newer one that another replica has published, catches up with the
// demonstrations stream, joins the queue group, and follows.
import { rm } from "node:fs/promises";
import { join } from "node:path";
import { setFlagsFromString } from "node:v8";
import { HindcastError, limits, streams } from "@hindcast/shared";
import {
  type Bus,
  indexVariables,
  type Logger,
  modelVariables,
  runService,
  type Shutdown,
} from "@hindcast/shared/node";
import { admittedEmbedder } from "./admitted-embedder.ts";
import { CrashGuard } from "./crash-guard.ts";
import type { DemonstrationIndex } from "./demonstration-index.ts";
import { DemonstrationProjection } from "./demonstration-projection.ts";
import { GraphLog, groupOf } from "./graph-log.ts";
import { openIndex } from "./open-index.ts";
import { RetrievalMetrics } from "./retrieval-metrics.ts";
import { RetrievalService } from "./retrieval-service.ts";
import { endOfStream, indexOfStream } from "./demonstrations-stream.ts";
import { SnapshotExchange, type SnapshotExchangeOptions, SnapshotPointer } from "./snapshot-exchange.ts";

interface Opening {
  open: () => Promise<DemonstrationIndex>;
  /** Null: the index lives in memory. */
  folder: string | null;
  /** Where crashes are noted. */
  noted: string | null;
  born: string;
  partition: { index: number; of: number };
}

/** What of a process its parts need. */
interface OnBus {
  bus: Bus;
  logger: Logger;
}

// What a request leaves behind is small and dead, so helpers save nothing. But the event loop stands still until each of
// them has had a core, which on cores that others keep busy takes many times as long as collecting alone.
setFlagsFromString("--no-parallel-scavenge");

const variables = { ...indexVariables, ...modelVariables };

await runService("index-core", variables, async (process) => {
  const { config, logger, shutdown, registry, bus } = process;
  const { indexFolder, indexPartitions: of, indexPartition, indexStorage: storage } = config;
  // A folder of our own inside: it is replaced as a whole, which the given one, a mount or with others' files, cannot be.
  const folder = indexFolder === null ? null : join(indexFolder, "demonstrations");
  if (indexPartition >= of) {
    const message = `HINDCAST_INDEX_PARTITION is ${indexPartition}, but there are ${of} partitions, counted from 0`;
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
  }
  const partition = { index: indexPartition, of, bus };
  const metrics = new RetrievalMetrics(registry);
  const { draining } = shutdown;

  // Null where the index embeds by itself.
  const embedder = admittedEmbedder(process, (event) => metrics.embedded(event));
  const options = {
    folder: folder ?? undefined,
    embedder: embedder ?? config.indexEmbedder,
    storage,
    graphsFollowLog: true,
  };
  const open = (): Promise<DemonstrationIndex> => openIndex(options, logger);
  // Beside the folder, which is replaced as a whole.
  const noted = folder === null ? null : `${folder}.applying.json`;
  const born = await bornOf(process);
  const { index, exchange } = await newestIndex(process, { open, folder, noted, born, partition });
  const guard = new CrashGuard(noted);
  shutdown.defer("guard", () => Promise.resolve(guard[Symbol.dispose]()));
  shutdown.defer("index", () => index.close());

  const graphs = graphsOf(index, process, { partition, metrics });
  const projection = new DemonstrationProjection({
    log: bus.demonstrations,
    index: index.trusting,
    graphs,
    isSameStream: async () => (await bus.demonstrations.born()) === born,
    logger,
    embedder,
    partition,
    onRejected: (reason) => metrics.rejectedFor(reason),
    guard,
    quarantine: (sequence) =>
      bus.deadLetters.keepCopy(streams.demonstrations, sequence, {
        reason: "its application ended the index's process",
        deliveries: limits.crashesMax,
      }),
    ...(exchange === null || !config.indexPublishes
      ? {}
      : { checkpoint: async (sequence) => await exchange.offer(await index.checkpoint(sequence), draining) }),
  });
  metrics.observe(index, projection);
  const following = projection.run(draining);
  following.catch((error: unknown) => shutdown.fail(error));
  shutdown.defer("projection", () => following.catch(() => undefined));
  await projection.catchUp(draining);
  const { demonstrations } = await index.stats();
  logger.info({ event: "index.rebuilt", demonstrations, sequence: projection.appliedSequence, version: index.version });

  const service = await bus.serveMicro(
    new RetrievalService({
      index: index.trusting,
      projection,
      metrics,
      embedder,
      stopping: draining,
      partition,
    }).describe(),
  );
  shutdown.defer("service", () => service[Symbol.asyncDispose]());
  const telling = graphs.tellNews(() => projection.appliedSequence, draining);
  shutdown.defer("graphs", () => telling);
});

/** Once there is a stream: a coordinator makes it. */
async function bornOf({ bus, shutdown }: OnBus & { shutdown: Shutdown }): Promise<string> {
  await endOfStream(bus.demonstrations, shutdown.draining);
  return await bus.demonstrations.born();
}

/** What the folder holds of this very stream, or a newer snapshot that another replica has published of it. */
async function newestIndex(
  { bus, logger, shutdown: { draining } }: OnBus & { shutdown: Shutdown },
  { open, folder, noted, born, partition }: Opening,
): Promise<{ index: DemonstrationIndex; exchange: SnapshotExchange | null }> {
  const found = await open();
  if (folder === null || noted === null) return { index: found, exchange: null };
  const index = await indexOfStream(found, open, { folder, born, beside: noted, logger });
  const indexVersion = `${index.version} stream=${born}`;
  const exchange = exchangeOf({ bus, logger }, { folder, partition, indexVersion });
  const streamEnd = await endOfStream(bus.demonstrations, draining);
  // Sequences of a stream that was replaced say nothing of the new one's.
  if (index.sequence > streamEnd) await rm(noted, { force: true });
  return { index: await exchange.openNewest(index, open, { streamEnd, signal: draining }), exchange };
}

function exchangeOf(
  { bus, logger }: OnBus,
  own: Pick<SnapshotExchangeOptions, "folder" | "partition" | "indexVersion">,
): SnapshotExchange {
  return new SnapshotExchange({
    pointers: bus.records("INDEXES", SnapshotPointer),
    blobs: bus.indexBlobs,
    logger,
    ...own,
  });
}

function graphsOf(
  index: DemonstrationIndex,
  { bus, logger }: OnBus,
  { partition, metrics }: { partition: { index: number; of: number }; metrics: RetrievalMetrics },
): GraphLog {
  return new GraphLog({
    index: index.trusting,
    log: bus.demonstrations,
    group: groupOf(index.version, partition),
    logger,
    onWaited: (seconds) => metrics.waitedForGraph(seconds),
  });
}
