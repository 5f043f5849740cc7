// Requirements: 3.bad.agent-killed, 3.bad.nats-restart, 3.3.queue, 3.4.resume, 3.9.journal, 3.bad.two-campaigns, 3.5.no-leaks
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { CampaignReport } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { ClusterFile } from "../../coordinator/src/local/cluster-file.ts";
import type { Emulator, RecordedRequest } from "../support/emulators/emulator.ts";
import { startOpenAiEmulator } from "../support/emulators/openai.ts";
import { aFolder, type HindcastProcess, processesOf, startHindcast } from "../support/hindcast.ts";

/** Each action keeps the sandbox busy this long: the moment to kill in, when its answer is journaled for certain. */
const stepMs = 700;
const stepsPerEpisode = 5;

const promptOf = ({ body }: RecordedRequest): string => JSON.stringify(body["messages"]);

/** A policy behind the wire: appends to a file, step after step, then stops. */
async function aPolicy(): Promise<Emulator> {
  const emulator = await startOpenAiEmulator();
  emulator.replyAlways((request) => {
    const done = promptOf(request).match(/<action>/g)?.length ?? 0;
    const command = `sleep ${stepMs / 1_000}; echo line ${done + 1} >> log.txt`;
    return { kind: "answer", text: `REASON: one more line\nACTION: ${done < stepsPerEpisode ? command : "stop()"}` };
  });
  return emulator;
}

function someDocuments(folder: string): string {
  const docs = join(folder, "docs");
  mkdirSync(docs);
  for (const [name, noun] of [
    ["log", "journal"],
    ["list", "shopping list"],
    ["note", "diary"],
  ]) {
    writeFileSync(
      join(docs, `${name}.md`),
      `# Keeping a ${noun}\n\nAppend a line to the ${noun}:\n\n\`\`\`sh\necho first >> ${name}.txt\n\`\`\`\n`,
    );
  }
  return docs;
}

const run = (folder: string, policy: Emulator, ...more: string[]): HindcastProcess =>
  startHindcast(
    [
      "--json",
      "run",
      "--docs",
      someDocuments(folder),
      "--policy",
      "openai:codestral-22b",
      "--generator",
      "offline:rules",
      "--judge",
      "offline:rules",
      "--no-evaluation",
      "--set",
      "campaign.retrievalWhileLearning=false",
      ...more,
    ],
    { cwd: folder, env: { OPENAI_API_KEY: policy.apiKey, HINDCAST_OPENAI_BASE_URL: `${policy.url}/v1` } },
  );

function pidsOf(folder: string, part: string): number[] {
  const file = ClusterFile.parse(JSON.parse(readFileSync(join(folder, ".hindcast/run/cluster.json"), "utf8")));
  return file.processes.filter(({ name }) => name.startsWith(part)).map(({ identity }) => identity.pid);
}

async function untilAsked(policy: Emulator, requests: number): Promise<void> {
  await expect.poll(() => policy.requests.length, { timeout: 60_000, interval: 20 }).toBeGreaterThanOrEqual(requests);
}

async function reportOf(campaign: HindcastProcess): Promise<CampaignReport> {
  const { report } = await campaign.untilEvent("campaign.finished");
  return CampaignReport.parse(report);
}

/** Requests that were sent more than once although an answer had been given. */
const boughtTwice = (policy: Emulator): number => policy.requests.length - new Set(policy.requests.map(promptOf)).size;

describe("a campaign under faults", () => {
  it("loses nothing and pays nothing twice when its agents are killed -9 in mid-episode", async () => {
    using folder = aFolder();
    await using policy = await aPolicy();
    const campaign = run(folder.path, policy);
    await untilAsked(policy, 4);
    // Inside the sandbox's sleep: the answer of this step is in the journal, the step is not recorded yet.
    await delay(stepMs / 2);
    for (const pid of pidsOf(folder.path, "rollout-agent")) process.kill(pid, "SIGKILL");
    const { outcomes, funnel } = await reportOf(campaign);
    expect((await campaign.done).code).toBe(0);
    expect(outcomes).toMatchObject({ submitted: 3, infrastructure: 0 });
    expect(Object.values(outcomes).reduce((sum, count) => sum + count, 0)).toBe(3);
    expect(boughtTwice(policy)).toBe(0);
    expect(policy.requests).toHaveLength(3 * (stepsPerEpisode + 1));
    expect(funnel.find(({ name }) => name === "demonstrations")?.total).toBeGreaterThan(0);
    expect(processesOf(folder.path)).toEqual([]);
  });

  it("goes on when the NATS server is killed -9 and comes back", async () => {
    using folder = aFolder();
    await using policy = await aPolicy();
    const campaign = run(folder.path, policy);
    await untilAsked(policy, 4);
    for (const pid of pidsOf(folder.path, "nats-server")) process.kill(pid, "SIGKILL");
    const { outcomes } = await reportOf(campaign);
    expect((await campaign.done).code).toBe(0);
    expect(outcomes).toMatchObject({ submitted: 3, infrastructure: 0 });
    expect(boughtTwice(policy)).toBe(0);
  });

  it("finishes with a coordinator that was killed -9 and started again", async () => {
    using folder = aFolder();
    await using policy = await aPolicy();
    const campaign = run(folder.path, policy);
    await untilAsked(policy, 4);
    for (const pid of pidsOf(folder.path, "coordinator")) process.kill(pid, "SIGKILL");
    const { outcomes } = await reportOf(campaign);
    expect(outcomes).toMatchObject({ submitted: 3, infrastructure: 0 });
    expect(boughtTwice(policy)).toBe(0);
    await campaign.done;
  });

  it("suspends on Ctrl-C and the same command continues without buying an answered call again", async () => {
    using folder = aFolder();
    await using policy = await aPolicy();
    const campaign = run(folder.path, policy);
    await untilAsked(policy, 4);
    await delay(stepMs / 2);
    campaign.child.kill("SIGINT");
    expect((await campaign.done).code).toBe(130);
    expect(processesOf(folder.path)).toEqual([]);
    const env = { OPENAI_API_KEY: policy.apiKey, HINDCAST_OPENAI_BASE_URL: `${policy.url}/v1` };
    const args = campaign.child.spawnargs.slice(campaign.child.spawnargs.indexOf("--json"));
    const again = startHindcast(args, { cwd: folder.path, env });
    const { outcomes } = await reportOf(again);
    expect((await again.done).code).toBe(0);
    expect(outcomes).toMatchObject({ submitted: 3 });
    expect(boughtTwice(policy)).toBe(0);
  });
});
