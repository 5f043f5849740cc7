// The retrieval protocol as JSON Schema, for clients in other languages. A difference is a change of the protocol: if it
// is meant, write the files anew with `npx vitest run --config test/vitest.config.ts --project unit test/pins -u`.
// Requirements: 3.8.service, 4.7.service
import {
  RetrievalGetReply,
  RetrievalExplainRequest,
  RetrievalGetRequest,
  RetrievalHealth,
  RetrievalHealthRequest,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  VectorSearch,
  WireError,
} from "@hindcast/shared";
import { expect, test } from "vitest";
import { z } from "zod";

// Requests as they may be sent, where defaults may be left out; replies as they come, where they are filled in.
test.each([
  ["retrieval-search-request", RetrievalRequest],
  ["retrieval-search-reply", RetrievalReply],
  ["retrieval-explain-request", RetrievalExplainRequest],
  ["retrieval-vectors-tail", VectorSearch],
  ["retrieval-get-request", RetrievalGetRequest],
  ["retrieval-get-reply", RetrievalGetReply],
  ["retrieval-stats-request", RetrievalStatsRequest],
  ["retrieval-stats-reply", RetrievalStats],
  ["retrieval-health-request", RetrievalHealthRequest],
  ["retrieval-health-reply", RetrievalHealth],
  ["wire-error", WireError],
])("%s.json is the schema that the code checks", async (name, schema) => {
  const text = `${JSON.stringify({ title: name, ...z.toJSONSchema(schema, { io: /request|tail/.test(name) ? "input" : "output" }) }, null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(`../../shared/docs/schema/${name}.json`);
});
