// Requirements: 7.5.traces
import { expect, it } from "vitest";
import type { CampaignId, DocumentId } from "../../domain/ids.ts";
import { inDocumentSpan, inSpan, inTraceOf, traceHeaders } from "./span.ts";

const ids = ["camp-1" as CampaignId, "doc-1" as DocumentId] as const;

it("off, work is done without a span and no header is passed on", async () => {
  const work = (): Promise<object> => Promise.resolve(traceHeaders());
  expect(await inSpan("step", {}, (span) => (span.set({ "hindcast.step.index": 1 }), work()))).toEqual({});
  expect(await inDocumentSpan(...ids, work)).toEqual({});
  expect(await inTraceOf(...ids, work)).toEqual({});
});
