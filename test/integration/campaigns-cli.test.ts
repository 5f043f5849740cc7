// Requirements: 3.12.cli
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { CampaignRecord } from "@hindcast/shared";
import { expect, it } from "vitest";
import { aStoredCampaign } from "../support/campaign-records.ts";
import { aFolder, hindcast, type HindcastResult } from "../support/hindcast.ts";
import { aNatsServer } from "../support/nats-server.ts";

it("what campaigns and their words are shown as moves no cursor, and a program gets them as they are", async () => {
  await using nats = await aNatsServer();
  using folder = aFolder();
  const coordinator = await nats.coordinator();
  const name = "nightly\u001B[2J run";
  const record = await aStoredCampaign(coordinator, 1, { name, detail: "judge said \u001B]0;owned\u0007no" });
  await coordinator.records("CAMPAIGNS", CampaignRecord).put(record.id, record);
  const { servers, credentials } = nats.options("coordinator");
  const password = join(folder.path, "password");
  writeFileSync(password, credentials.password);
  const env = {
    HINDCAST_NATS_URL: servers,
    HINDCAST_NATS_USER: credentials.user,
    HINDCAST_NATS_PASSWORD_FILE: password,
  };
  const cli = (...args: string[]): Promise<HindcastResult> => hindcast(args, { cwd: folder.path, env });
  for (const [command, words] of [
    [["campaigns", "list"], /nightly run .*judge said no/],
    // Of a cluster elsewhere it says where, and lists no processes.
    [["status"], /^cluster \S+\n\nworkers: none[^]*nightly run/],
  ] as const) {
    const { stdout } = await cli(...command);
    expect(stdout).toMatch(words);
    expect(stdout).not.toContain("\u001B");
  }
  expect(JSON.parse((await cli("--json", "campaigns", "list")).stdout)).toMatchObject({ campaigns: [{ name }] });
  const { stderr } = await cli("campaigns", "cancel", "c\u001B[31m");
  expect(stderr).toMatch(/error: "c" is no campaign id/);
});
