// What a coordinator tells Prometheus of the cluster: queues, streams, campaigns, read from NATS when it is scraped. All
// coordinators tell the same. When NATS does not answer in time these values are absent, not stale, and the rest of the
// scrape still comes.
import { setTimeout as delay } from "node:timers/promises";
import { CampaignRecord, CampaignState, limits, messageOf, type Pool } from "@hindcast/shared";
import {
  type Bus,
  GaugeMetric,
  type GaugeName,
  type LabelsOf,
  type Logger,
  type QueueState,
} from "@hindcast/shared/node";
import type { Registry } from "prom-client";

type StreamName = LabelsOf<"hindcast_stream_messages">["stream"];
type ReadBus = {
  tasks: Pick<Bus["tasks"], "inspect">;
  storage: Pick<Bus["storage"], "usage">;
} & Pick<Bus, "records">;

export interface ClusterMetricsOptions {
  registry: Registry;
  bus: ReadBus;
  pools: readonly Pool[];
  logger: Pick<Logger, "warn">;
  /** @default limits.scrapeReadMs */
  readMs?: number;
}

interface Read {
  pools: (QueueState & { pool: Pool })[];
  streams: { stream: string; messages: number; bytes: number; bytesMax: number | null }[];
  campaigns: CampaignState[];
}

/** All gauges of one scrape share one reading, and each waits for it. */
export function observeCluster(options: ClusterMetricsOptions): void {
  const { registry } = options;
  let reading: Promise<Read | null> | null = null;
  let asked: Promise<Read> | null = null;
  /** One that NATS has not answered goes on: while it is away, no scrape adds another. */
  const ask = (): Promise<Read> =>
    (asked ??= readAll(options).finally(() => {
      asked = null;
    }));
  const read = (): Promise<Read | null> =>
    (reading ??= readInTime(ask(), options).finally(() => {
      reading = null;
    }));
  const shown = <N extends GaugeName>(name: N, show: (gauge: GaugeMetric<N>, now: Read) => void): void => {
    const gauge: GaugeMetric<N> = new GaugeMetric(registry, name, {
      collect: async () => {
        const now = await read();
        gauge.reset();
        if (now !== null) show(gauge, now);
      },
    });
  };
  shown("hindcast_tasks", (gauge, { pools }) => {
    for (const { pool, queued, working } of pools) {
      gauge.set(queued, { pool, state: "queued" });
      gauge.set(working, { pool, state: "working" });
    }
  });
  shown("hindcast_tasks_working_limit", (gauge, { pools }) => {
    for (const { pool, workingMax } of pools) if (workingMax !== null) gauge.set(workingMax, { pool });
  });
  shown("hindcast_queue_oldest_seconds", (gauge, { pools }) => {
    for (const { pool, oldestQueuedMs } of pools) gauge.set((oldestQueuedMs ?? 0) / 1_000, { pool });
  });
  shown("hindcast_stream_messages", (gauge, { streams }) => {
    for (const { stream, messages } of streams) gauge.set(messages, { stream: stream as StreamName });
  });
  shown("hindcast_stream_bytes", (gauge, { streams }) => {
    for (const { stream, bytes } of streams) gauge.set(bytes, { stream: stream as StreamName });
  });
  shown("hindcast_stream_limit_bytes", (gauge, { streams }) => {
    for (const { stream, bytesMax } of streams) {
      if (bytesMax !== null) gauge.set(bytesMax, { stream: stream as StreamName });
    }
  });
  shown("hindcast_campaigns", (gauge, { campaigns }) => {
    for (const state of CampaignState.options) {
      gauge.set(campaigns.filter((each) => each === state).length, { state });
    }
  });
  const failed: GaugeMetric<"hindcast_bus_reading_failed"> = new GaugeMetric(registry, "hindcast_bus_reading_failed", {
    collect: async () => failed.set((await read()) === null ? 1 : 0, {}),
  });
}

async function readInTime(
  reading: Promise<Read>,
  { logger, readMs = limits.scrapeReadMs }: ClusterMetricsOptions,
): Promise<Read | null> {
  const late = new AbortController();
  const timeUp = delay(readMs, null, { signal: late.signal, ref: false }).catch(() => null);
  try {
    return await Promise.race([reading, timeUp]);
  } catch (error) {
    logger.warn({ event: "metrics.unread", err: error }, messageOf(error));
    return null;
  } finally {
    late.abort();
    reading.catch(() => undefined);
  }
}

async function readAll({ bus, pools }: ClusterMetricsOptions): Promise<Read> {
  const [ofPools, streams, records] = await Promise.all([
    Promise.all(pools.map(async (pool) => ({ pool, ...(await bus.tasks.inspect(pool)) }))),
    bus.storage.usage(),
    bus.records("CAMPAIGNS", CampaignRecord).entries(),
  ]);
  return { pools: ofPools, streams, campaigns: records.map(({ value }) => value.state) };
}
