// The protocol of plug-in worlds as JSON Schema, for worlds in other languages. A difference is a change of the protocol:
// if it is meant, write the files anew with `npx vitest run --config test/vitest.config.ts --project unit test/pins -u`.
// Requirements: 6.16.protocol
import { WorldReply, WorldRequest } from "@hindcast/shared";
import { expect, test } from "vitest";
import { z } from "zod";

// Requests as they come; replies as they may be sent, where defaults may be left out.
test.each([
  ["world-request", WorldRequest, "output"],
  ["world-reply", WorldReply, "input"],
] as const)("%s.json is the schema that the code checks", async (name, schema, io) => {
  const text = `${JSON.stringify({ title: name, ...z.toJSONSchema(schema, { io }) }, null, 2)}\n`;
  await expect(text).toMatchFileSnapshot(`../../shared/docs/schema/${name}.json`);
});
