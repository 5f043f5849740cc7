// Requirements: 3.9.drivers, 3.9.cost, 3.9.journal, 3.13.report, 3.bad.config
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { CampaignReport } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import { anthropicAnswer } from "../support/emulators/policy-behind-the-wire.ts";
import { aFolder, hindcast } from "../support/hindcast.ts";

const manual = `# git settings

Set the pager that git uses:

\`\`\`sh
git config core.pager less
\`\`\`

Set the editor that git opens:

\`\`\`sh
git config core.editor nano
\`\`\`
`;

function reportIn(stdout: string): CampaignReport {
  const events = stdout
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { event: string; report?: unknown });
  return CampaignReport.parse(events.find(({ event }) => event === "campaign.finished")?.report);
}

/** Files below a folder that contain a text. */
function filesWith(text: string, folder: string): string[] {
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name))
    .filter((path) => readFileSync(path).includes(text));
}

describe("a campaign with a provider's models in every role", () => {
  it("runs through the official SDK, counts what it costs, and buys no answer a second time", async () => {
    using folder = aFolder();
    await using provider = await startAnthropicEmulator();
    provider.replyAlways(anthropicAnswer);
    mkdirSync(join(folder.path, "docs"));
    writeFileSync(join(folder.path, "docs", "settings.md"), manual);
    const env = { ANTHROPIC_API_KEY: provider.apiKey, HINDCAST_ANTHROPIC_BASE_URL: provider.url };
    const args = ["--json", "run", "--docs", "docs", "--set", "campaign.evaluation.documentDisjointPercent=0"];
    const first = await hindcast(args, { cwd: folder.path, env });
    expect(first.code, first.stderr).toBe(0);
    const report = reportIn(first.stdout);
    expect(report.isOffline).toBe(false);
    expect(report.costs.every(({ costUsd, model }) => model.startsWith("anthropic:") && (costUsd ?? 0) > 0)).toBe(true);
    expect(report.funnel.find(({ name }) => name === "demonstrations")?.counts["indexed"]).toBeGreaterThan(0);
    expect(new Set(report.costs.map(({ purpose }) => purpose))).toEqual(
      new Set([
        "self-instruct",
        "act",
        "summarise-transition",
        "new-task-instruction",
        "judge",
        "rewrite-reason",
        "evaluation-task",
        "retrieval-query",
      ]),
    );
    const requests = provider.requests.length;
    expect(
      new Set(provider.requests.map(({ body }) => JSON.stringify([body["model"], body["system"], body["messages"]])))
        .size,
    ).toBe(requests);

    const second = await hindcast(args, { cwd: folder.path, env });
    expect(second.code, second.stderr).toBe(0);
    expect(reportIn(second.stdout).costs.find(({ purpose }) => purpose === "self-instruct")).toMatchObject({
      journaled: 1,
      costUsd: 0,
    });
    expect(provider.requests).toHaveLength(requests);
    expect(filesWith(provider.apiKey, folder.path)).toEqual([]);
  });

  it("stops at its budget with exit code 3", async () => {
    using folder = aFolder();
    await using provider = await startAnthropicEmulator();
    provider.replyAlways(anthropicAnswer);
    writeFileSync(join(folder.path, "settings.md"), manual);
    const env = { ANTHROPIC_API_KEY: provider.apiKey, HINDCAST_ANTHROPIC_BASE_URL: provider.url };
    const spent = await hindcast(["run", "--docs", "settings.md", "--no-evaluation", "--max-usd", "0.001"], {
      cwd: folder.path,
      env,
    });
    expect(spent.code).toBe(3);
    expect(spent.stderr).toMatch(/--max-usd/);
  });

  it("ends with a clear error when the key is wrong", async () => {
    using folder = aFolder();
    await using provider = await startAnthropicEmulator();
    writeFileSync(join(folder.path, "settings.md"), manual);
    const env = { ANTHROPIC_API_KEY: "sk-ant-wrong", HINDCAST_ANTHROPIC_BASE_URL: provider.url };
    const refused = await hindcast(["run", "--docs", "settings.md", "--no-evaluation"], { cwd: folder.path, env });
    expect(refused.code).toBe(2);
    expect(refused.stderr).toMatch(/MODEL_UNAUTHORIZED/);
    expect(refused.stderr).not.toContain("sk-ant-wrong");
    expect(provider.requests.length).toBe(1);
  });
});
