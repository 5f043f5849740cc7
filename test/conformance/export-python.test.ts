// Requirements: 3.11.exports
// An export is read by the tools it is meant for: Hugging Face `datasets`, TRL, and the ATIF models of Harbor.
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, describe, expect, it, type TestContext } from "vitest";
import { exportDataset, type ExportSummary } from "../../coordinator/src/export/export-dataset.ts";
import { aDemonstration, anEpisode, demonstrations } from "../support/export-check/demonstrations.ts";
import { exportCheckPython, type PythonOrReason } from "../support/export-check/python.ts";

let root: string;
let summary: ExportSummary;
let found: PythonOrReason;

beforeAll(async () => {
  found = await exportCheckPython();
  root = await mkdtemp(join(tmpdir(), "export-python-"));
  const base = aDemonstration();
  const bought = aDemonstration({
    lineage: { ...base.lineage, isOffline: false, models: { act: "anthropic:claude-x" }, costUsd: null },
  });
  summary = await exportDataset({
    demonstrations: [...demonstrations(20, 6).slice(2), bought],
    episodes: [anEpisode()],
    directory: join(root, "dataset"),
    validationPercent: 40,
    rowsPerShard: 5,
  });
}, 600_000);
afterAll(async () => {
  await rm(root, { recursive: true });
});

async function check(context: TestContext): Promise<{ atif: number; rows: Record<string, Record<string, number>> }> {
  if ("reason" in found) return context.skip(found.reason);
  const script = join(import.meta.dirname, "../support/export-check/check_export.py");
  const environment = { ...process.env, HF_HUB_OFFLINE: "1", HF_HOME: join(root, "hf") };
  const { stdout } = await promisify(execFile)(found.python, [script, join(root, "dataset")], { env: environment });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Awaited<ReturnType<typeof check>>;
}

describe("an export, read by Python", { timeout: 120_000 }, () => {
  it("loads as tables with the counts of its manifest", async (context) => {
    const { rows, atif } = await check(context);

    const { train, validation } = summary.demonstrations;
    expect(validation).toBeGreaterThan(0);
    expect(Object.keys(rows)).toEqual(["card:demonstrations", "messages", "steps"]);
    expect(rows["card:demonstrations"]).toEqual({ train, validation });
    expect(rows["messages"]).toEqual({ train, validation });
    expect(rows["steps"]).toEqual({ train: 3 * train, validation: 3 * validation });
    expect(atif).toBe(train + validation + 1);
  });

  it("is refused when an ATIF file has a field that the format does not know", async (context) => {
    const path = join(root, "dataset/atif/episodes/ep-1.json");
    const trajectory = JSON.parse(await readFile(path, "utf8")) as object;
    await writeFile(path, JSON.stringify({ ...trajectory, surprise: 1 }));

    await expect(check(context)).rejects.toMatchObject({ stderr: expect.stringContaining("surprise") });
  });
});
