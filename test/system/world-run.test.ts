// Requirements: 6.15.web, 6.15.worlds, 6.15.shipped, 6.9.submitted
import { chmodSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { CampaignReport } from "@hindcast/shared";
import { readPredictions } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { miniWobFolder, noChromium } from "../support/browser.ts";
import { aFolder, hindcast, processesOf } from "../support/hindcast.ts";

const pages = noChromium === null ? await miniWobFolder() : { reason: noChromium };
const folder = "folder" in pages ? pages.folder : null;
const timeoutMs = 180_000;

describe("hindcast run in a world", () => {
  it("says what is missing before anything is started", async () => {
    using work = aFolder();
    const run = (...args: string[]): ReturnType<typeof hindcast> => hindcast(["run", ...args], { cwd: work.path });
    const nothing = await run("--environment", "browser");
    expect(nothing).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("set campaign.world.miniWobTasks") as string,
    });
    const instances = await run("--environment", "swe-bench", "--instances", "./nowhere");
    expect(instances).toMatchObject({
      code: 2,
      stderr: expect.stringContaining("nowhere, which is not there") as string,
    });
  });

  it(
    "learns to mend the package that is shipped, measures the gain by hidden tests and gives the patches away",
    async () => {
      using work = aFolder();
      // Sandboxes of root run as nobody.
      chmodSync(work.path, 0o755);
      const small = ["campaign.tasksPerDocument=1", "campaign.evaluation.tasksPerKindMax=1"];
      const few = [...small, "campaign.retrieval.perTrajectoryMax=6"].flatMap((each) => ["--set", each]);
      const manual = fileURLToPath(new URL("../../coordinator/worlds/code-demo/docs/sums.md", import.meta.url));
      const args = ["--json", "run", "--world", "code", "--docs", manual, "--slots", "2", "--agents", "1"];
      const run = await hindcast([...args, ...few], { cwd: work.path });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      const last = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "") as { event: string; report: unknown };
      const report = CampaignReport.parse(last.report);
      expect(report.funnel.find(({ name }) => name === "demonstrations")?.counts["indexed"]).toBeGreaterThan(0);
      expect(report.gain[0]).toMatchObject({ tasks: 1, off: { successes: 0 }, on: { successes: 1 } });
      const out = join(work.path, "predictions.jsonl");
      const bench = ["--json", "bench", "swe-bench", "predictions", "--campaign", "c-0001", "--out", out];
      expect(await hindcast(bench, { cwd: work.path })).toMatchObject({ code: 0, stderr: "" });
      const [prediction] = await readPredictions(out);
      expect(prediction).toMatchObject({ model_patch: expect.stringMatching(/^diff --git a\/src\/\w+\.js/) as string });
      expect(processesOf(work.path)).toEqual([]);
    },
    timeoutMs,
  );

  it.skipIf(folder === null)(
    `learns from web pages in a cluster of its own and measures the gain${"reason" in pages ? ` (${pages.reason})` : ""}`,
    async () => {
      using work = aFolder();
      const args = [
        "--json",
        "run",
        "--environment",
        "browser",
        "--miniwob",
        "enter-text",
        "--slots",
        "2",
        "--agents",
        "1",
      ];
      // All windows of the one episode may be shown: which two of them were would be a matter of ties.
      const few = [
        "campaign.world.seeds=1",
        "campaign.world.heldOutPercent=0",
        "campaign.evaluation.tasksPerKindMax=1",
        "campaign.retrieval.perTrajectoryMax=6",
      ];
      const env = { HINDCAST_MINIWOB_FOLDER: folder ?? "" };
      const run = await hindcast([...args, ...few.flatMap((each) => ["--set", each])], { cwd: work.path, env });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      const last = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "") as { event: string; report: unknown };
      expect(last.event).toBe("campaign.finished");
      const report = CampaignReport.parse(last.report);
      expect(report.gain[0]).toMatchObject({ tasks: 1, off: { successes: 0 }, on: { successes: 1 } });
      expect(processesOf(work.path)).toEqual([]);
    },
    timeoutMs,
  );
});
