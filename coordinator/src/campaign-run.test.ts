// Requirements: 3.bad.documents
import { gzipSync } from "node:zlib";
import { limits } from "@hindcast/shared";
import { silentLogger } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { aCampaignRecord } from "../../test/support/campaign-records.ts";
import { ScriptedModel } from "../../test/support/scripted-model.ts";
import { runCampaign } from "./campaign-run.ts";

it("ends a campaign whose documents unpack to more than any text has, before they are unpacked", async () => {
  const bomb = gzipSync(Buffer.alloc(8 * limits.blobBytesMax + 1, " "), { level: 1 });
  expect(bomb.byteLength).toBeLessThan(limits.blobBytesMax);
  const record = aCampaignRecord({ documents: { sha256: "0".repeat(64) as never, bytes: bomb.byteLength } });
  const bus = { blobs: { get: () => Promise.resolve(bomb) } };
  const deps = { bus: bus as never, model: () => new ScriptedModel("m", () => ""), logger: silentLogger };
  await expect(runCampaign(record, deps, new AbortController().signal)).rejects.toMatchObject({
    code: "ERR_BUFFER_TOO_LARGE",
  });
});
