// Spans of OpenTelemetry, for code that does not know whether anybody records them. Unless tracing was started
// (tracing.ts) a span costs one comparison. A span has names, numbers and ids: never the words of a prompt, an answer, an
// observation or an error, because whoever may see traces need not be allowed to read those.
import {
  type Attributes,
  type Context,
  context,
  propagation,
  type Span,
  type SpanContext,
  SpanKind,
  SpanStatusCode,
  trace,
  TraceFlags,
  type Tracer,
} from "@opentelemetry/api";
import type { CampaignId, DocumentId, TaskId } from "../../domain/ids.ts";
import { toHindcastError } from "../../errors.ts";
import { sha256Hex } from "../derive-id.ts";

/** What a running span can be told. */
export interface OpenSpan {
  set(attributes: Attributes): void;
}

/** One try at a task: the token of the lease that it ran under tells it from every other. */
export interface Attempt {
  taskId: TaskId;
  fencingToken: number;
}

export interface SpanOptions {
  /** @default "internal" */
  kind?: "internal" | "client" | "server" | "consumer";
  attributes?: Attributes;
  /** W3C traceparent of the parent; null or absent: the span that is open now. */
  parent?: string | null;
  /** What the span is about: others can link to it, because its id follows from this. */
  attempt?: Attempt;
  /** Attempts of the same trace that led here besides the parent. */
  causes?: readonly Attempt[];
}

const kinds = {
  internal: SpanKind.INTERNAL,
  client: SpanKind.CLIENT,
  server: SpanKind.SERVER,
  consumer: SpanKind.CONSUMER,
} as const;
const silent: OpenSpan = { set: () => undefined };

let tracer: Tracer | null = null;
let chosen: { traceId?: string; spanId?: string } = {};

/** From now on spans are recorded by `by`; null: by nobody. */
export function recordSpans(by: Tracer | null): void {
  tracer = by;
}

/** The ids that the span that is being started shall have, where they are derived: what the SDK's generator asks for. */
export function chosenIds(): Readonly<typeof chosen> {
  return chosen;
}

/** Runs `work` in a span; spans that it opens are its children. A failure is named by its code. */
export async function inSpan<T>(name: string, options: SpanOptions, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  if (tracer === null) return await work(silent);
  const { kind = "internal", attributes = {}, parent = null, attempt, causes = [] } = options;
  // A parent that cannot be read is none.
  const outer = parent === null ? context.active() : propagation.extract(context.active(), { traceparent: parent });
  const traceId = trace.getSpanContext(outer)?.traceId;
  const links = traceId === undefined ? [] : causes.map((cause) => ({ context: sampled(traceId, spanIdOf(cause)) }));
  const ids = attempt === undefined ? {} : { spanId: spanIdOf(attempt) };
  return await recorded(start(tracer, name, { kind: kinds[kind], attributes, links }, { outer, ids }), outer, work);
}

/**
 * Runs `work` in the first span of a document's trace. Its ids follow from campaign and document, so that whoever works
 * on any of the document's tasks, after whatever crash, continues the same trace.
 */
export async function inDocumentSpan<T>(
  campaign: CampaignId,
  document: DocumentId,
  work: () => Promise<T>,
): Promise<T> {
  if (tracer === null) return await work();
  const attributes = { "hindcast.campaign.id": campaign, "hindcast.document.id": document };
  const outer = context.active();
  const ids = documentIds(campaign, document);
  return await recorded(start(tracer, "document", { root: true, attributes }, { outer, ids }), outer, work);
}

/** Runs `work` where spans and messages continue the document's trace; without a document, as it is. */
export async function inTraceOf<T>(
  campaign: CampaignId,
  document: DocumentId | null,
  work: () => Promise<T>,
): Promise<T> {
  if (tracer === null || document === null) return await work();
  const { traceId, spanId } = documentIds(campaign, document);
  return await context.with(trace.setSpanContext(context.active(), sampled(traceId, spanId)), work);
}

/** Headers by which the receiver of a message continues the trace that is open now; none where nobody records it. */
export function traceHeaders(): Record<string, string> {
  const carrier: Record<string, string> = {};
  if (tracer !== null) propagation.inject(context.active(), carrier);
  return carrier;
}

function start(
  by: Tracer,
  name: string,
  options: Parameters<Tracer["startSpan"]>[1],
  { outer, ids }: { outer: Context; ids: typeof chosen },
): Span {
  chosen = ids;
  try {
    return by.startSpan(name, options, outer);
  } finally {
    chosen = {};
  }
}

async function recorded<T>(span: Span, outer: Context, work: (span: OpenSpan) => Promise<T>): Promise<T> {
  try {
    return await context.with(trace.setSpan(outer, span), () => work({ set: (more) => span.setAttributes(more) }));
  } catch (error) {
    span.setStatus({ code: SpanStatusCode.ERROR });
    span.setAttribute("error.type", toHindcastError(error, "environment").code);
    throw error;
  } finally {
    span.end();
  }
}

/** Of a span elsewhere. Whether its trace is kept follows from its id, in every process alike. */
function sampled(traceId: string, spanId: string): SpanContext {
  return { traceId, spanId, traceFlags: TraceFlags.SAMPLED, isRemote: true };
}

function documentIds(campaign: CampaignId, document: DocumentId): { traceId: string; spanId: string } {
  const hash = sha256Hex(`trace ${campaign} ${document}`);
  return { traceId: hash.slice(0, 32), spanId: hash.slice(32, 48) };
}

function spanIdOf({ taskId, fencingToken }: Attempt): string {
  return sha256Hex(`span ${taskId} ${fencingToken}`).slice(0, 16);
}
