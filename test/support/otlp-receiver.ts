// A collector of traces that speaks OTLP/HTTP as JSON, and keeps what it gets.
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { z } from "zod";

const Value = z.looseObject({
  stringValue: z.string().optional(),
  intValue: z.union([z.number(), z.string()]).optional(),
  doubleValue: z.number().optional(),
  boolValue: z.boolean().optional(),
});
const Attributes = z.array(z.object({ key: z.string(), value: Value })).default([]);
const ids = {
  traceId: z.string().regex(/^[0-9a-f]{32}$/),
  spanId: z.string().regex(/^[0-9a-f]{16}$/),
};
const ExportRequest = z.object({
  resourceSpans: z.array(
    z.object({
      resource: z.object({ attributes: Attributes }),
      scopeSpans: z.array(
        z.object({
          spans: z.array(
            z.object({
              ...ids,
              parentSpanId: z.string().optional(),
              name: z.string(),
              kind: z.int(),
              attributes: Attributes,
              links: z.array(z.object(ids)).default([]),
            }),
          ),
        }),
      ),
    }),
  ),
});

type SpanAttributes = Record<string, string | number | boolean | undefined>;

export interface ReceivedSpan {
  traceId: string;
  spanId: string;
  /** Empty: the first of its trace. */
  parentSpanId: string;
  name: string;
  kind: number;
  /** `service.name` of the process. */
  service: string;
  attributes: SpanAttributes;
  /** Span ids, all of which are of the same trace. */
  links: string[];
}

export interface OtlpReceiver extends AsyncDisposable {
  url: string;
  spans: ReceivedSpan[];
  /** Everything that was received, as it came. */
  raw: string[];
}

export interface ReceiverOptions {
  /** Status of every answer, or `never`: takes requests and says nothing. @default 200 */
  answer?: number | "never";
  /** @default 127.0.0.1 */
  host?: string;
}

export async function startOtlpReceiver({
  answer = 200,
  host = "127.0.0.1",
}: ReceiverOptions = {}): Promise<OtlpReceiver> {
  const spans: ReceivedSpan[] = [];
  const raw: string[] = [];
  const server = createServer((request, response) => {
    let body = "";
    request.on("data", (bytes: Buffer) => (body += bytes.toString()));
    request.on("end", () => {
      raw.push(body);
      if (answer === "never") return;
      if (answer === 200) spans.push(...spansOf(body));
      response.writeHead(answer, { "content-type": "application/json" }).end("{}");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    spans,
    raw,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function spansOf(body: string): ReceivedSpan[] {
  return ExportRequest.parse(JSON.parse(body)).resourceSpans.flatMap(({ resource, scopeSpans }) => {
    const service = String(valuesOf(resource.attributes)["service.name"]);
    return scopeSpans
      .flatMap((scope) => scope.spans)
      .map(({ attributes, links, parentSpanId = "", ...span }) => ({
        ...span,
        parentSpanId,
        service,
        attributes: valuesOf(attributes),
        links: links.filter(({ traceId }) => traceId === span.traceId).map(({ spanId }) => spanId),
      }));
  });
}

function valuesOf(attributes: z.output<typeof Attributes>): SpanAttributes {
  return Object.fromEntries(
    attributes.map(({ key, value }) => [
      key,
      value.stringValue ?? value.intValue ?? value.doubleValue ?? value.boolValue,
    ]),
  );
}
