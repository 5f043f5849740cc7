// The retrieval protocol as JSON Schema, for clients in other languages. A difference is a change of the protocol: if it
// is meant, write the files anew with `npx vitest run --config test/vitest.config.ts --project unit test/pins -u`.
// Requirements: 3.8.service
import {
  RetrievalGetReply,
  RetrievalGetRequest,
  RetrievalReply,
  RetrievalRequest,
  RetrievalStats,
  RetrievalStatsRequest,
  WireError,
} from "@hindcast/shared";
import { expect, test } from "vitest";
import { z } from "zod";

test.each([
  ["retrieval-search-request", RetrievalRequest],
  ["retrieval-search-reply", RetrievalReply],
  ["retrieval-get-request", RetrievalGetRequest],
  ["retrieval-get-reply", RetrievalGetReply],
  ["retrieval-stats-request", RetrievalStatsRequest],
  ["retrieval-stats-reply", RetrievalStats],
  ["wire-error", WireError],
])("%s.json is the schema that the code checks", async (name, schema) => {
  const text = `${JSON.stringify({ title: name, ...z.toJSONSchema(schema) }, null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(`../../shared/docs/schema/${name}.json`);
});
