// Exports spans by OTLP/HTTP, as OpenTelemetry's own environment variables say. Off unless they name a collector: then
// the SDK is not even loaded. What is no concern of ours (headers, compression, certificates, `OTEL_SERVICE_NAME`,
// `OTEL_RESOURCE_ATTRIBUTES`) exporter and SDK read by themselves.
import { setTimeout as delay } from "node:timers/promises";
import type { SpanExporter, SpanProcessor } from "@opentelemetry/sdk-trace";
import type { Registry } from "prom-client";
import { limits } from "../../limits.ts";
import type { ConfigOf } from "../config.ts";
import type { tracingVariables } from "../environment-variables.ts";
import type { Logger } from "../logger.ts";
import type { ProcessName } from "./metric-definition.ts";
import { CounterMetric, type LabelsOf } from "./metrics.ts";
import { releaseVersion } from "./process-metrics.ts";
import { chosenIds, recordSpans } from "./span.ts";

/** `ExportResultCode.SUCCESS` of @opentelemetry/core, which is not loaded where nothing is traced. */
const exportSucceeded = 0;

export interface Tracing {
  /** Sends what is left, for at most `limits.spanFlushMs`; never rejects. */
  close(): Promise<void>;
}

export interface TracingOptions {
  name: ProcessName;
  config: ConfigOf<typeof tracingVariables>;
  registry: Registry;
  logger: Pick<Logger, "info" | "warn">;
}

/** @returns null where the configuration names no collector. */
export async function startTracing({ name, config, registry, logger }: TracingOptions): Promise<Tracing | null> {
  const spans = new CounterMetric(registry, "hindcast_trace_spans_total");
  const url = collectorOf(config);
  if (url === null) return null;
  const [api, core, sdk, { OTLPTraceExporter }, { AsyncLocalStorageContextManager }, resources] = await Promise.all([
    import("@opentelemetry/api"),
    import("@opentelemetry/core"),
    import("@opentelemetry/sdk-trace"),
    import("@opentelemetry/exporter-trace-otlp-http"),
    import("@opentelemetry/context-async-hooks"),
    import("@opentelemetry/resources"),
  ]);
  const made = resources.resourceFromAttributes({
    "service.name": `hindcast-${name}`,
    "service.version": releaseVersion(),
  });
  const random = new sdk.RandomIdGenerator();
  const counted = new CountedSpans(spans, logger);
  const exporter = counted.exporter(new OTLPTraceExporter({ url }));
  const { spansQueuedMax: maxQueueSize, spansPerExportMax: maxExportBatchSize } = limits;
  const provider = new sdk.TracerProvider({
    // By the trace's id alone, which all processes know: they agree without having to be told.
    sampler: new sdk.TraceIdRatioBasedSampler(ratioOf(config)),
    idGenerator: {
      generateTraceId: () => chosenIds().traceId ?? random.generateTraceId(),
      generateSpanId: () => chosenIds().spanId ?? random.generateSpanId(),
    },
    resource: made.merge(
      resources.detectResources({
        detectors: [resources.resourceAttributesEnvDetector, resources.serviceNameEnvDetector],
      }),
    ),
    spanLimits: {
      attributeCountLimit: limits.spanAttributesMax,
      attributeValueLengthLimit: limits.spanAttributeCharsMax,
      linkCountLimit: limits.spanLinksMax,
    },
    spanProcessors: [counted.processor(new sdk.BatchSpanProcessor({ exporter, maxQueueSize, maxExportBatchSize }))],
  });
  api.context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
  api.propagation.setGlobalPropagator(new core.W3CTraceContextPropagator());
  recordSpans(provider.getTracer("hindcast", releaseVersion()));
  logger.info({ event: "tracing.started", collector: new URL(url).origin, ratio: ratioOf(config) });
  return {
    close: async () => {
      recordSpans(null);
      await withinFlushTime(provider.shutdown()).catch((error: unknown) =>
        logger.warn({ event: "tracing.unsent", err: error }, "the last spans did not reach the collector"),
      );
      api.context.disable();
      api.propagation.disable();
    },
  };
}

function collectorOf(config: TracingOptions["config"]): string | null {
  const { endpoint, tracesEndpoint, exporter, isDisabled } = config;
  if (isDisabled || exporter === "none") return null;
  if (tracesEndpoint !== null) return tracesEndpoint;
  return endpoint === null ? null : `${endpoint.replace(/\/+$/, "")}/v1/traces`;
}

function ratioOf({ sampler, samplerRatio }: TracingOptions["config"]): number {
  if (sampler.endsWith("always_off")) return 0;
  return sampler.endsWith("traceidratio") ? samplerRatio : 1;
}

async function withinFlushTime(flushed: Promise<void>): Promise<void> {
  const done = new AbortController();
  const late = delay(limits.spanFlushMs, undefined, { signal: done.signal }).then(() => {
    throw new Error(`the collector did not take them within ${limits.spanFlushMs} ms`);
  });
  try {
    await Promise.race([flushed, late]);
  } finally {
    done.abort();
    await Promise.allSettled([late]);
  }
}

/** What became of the spans. The SDK tells nobody: its queue drops what is too much, and a failed export is silent. */
class CountedSpans {
  readonly #spans: CounterMetric<"hindcast_trace_spans_total">;
  readonly #logger: TracingOptions["logger"];
  #queued = 0;
  #isFailing = false;

  constructor(spans: CounterMetric<"hindcast_trace_spans_total">, logger: TracingOptions["logger"]) {
    this.#spans = spans;
    this.#logger = logger;
  }

  /** Keeps the account of the queue by the queue's own rule. */
  processor(inner: SpanProcessor): SpanProcessor {
    return {
      onStart: (span, parent) => inner.onStart(span, parent),
      onEnd: (span) => {
        if (this.#queued >= limits.spansQueuedMax) this.#count("dropped", 1);
        else this.#queued += 1;
        inner.onEnd(span);
      },
      forceFlush: () => inner.forceFlush(),
      shutdown: () => inner.shutdown(),
    };
  }

  exporter(inner: SpanExporter): SpanExporter {
    return {
      export: (spans, report) => {
        this.#queued -= spans.length;
        inner.export(spans, (result) => {
          const isFailure = result.code !== exportSucceeded;
          this.#count(isFailure ? "failed" : "sent", spans.length);
          if (isFailure && !this.#isFailing)
            this.#logger.warn({ event: "tracing.failed", err: result.error }, "the collector does not take spans");
          this.#isFailing = isFailure;
          report(result);
        });
      },
      shutdown: () => inner.shutdown(),
    };
  }

  #count(outcome: LabelsOf<"hindcast_trace_spans_total">["outcome"], spans: number): void {
    this.#spans.add(spans, { outcome });
  }
}
