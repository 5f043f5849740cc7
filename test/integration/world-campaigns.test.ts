// Campaigns on web pages and on code over the real bus: what is learned there helps where nothing was learned from, and a
// killed agent changes nothing of it. Browsers resume by doing again what was recorded, repositories by their image.
// Requirements: 6.15.web, 6.15.code, 6.15.resume, 6.9.submitted
import { writePredictions } from "@hindcast/shared/node";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type CampaignPredictions, sweBenchPredictions } from "../../coordinator/src/export/swe-bench-predictions.ts";
import { miniWobWorld } from "../../coordinator/src/worlds/miniwob-world.ts";
import { sweBenchWorld } from "../../coordinator/src/worlds/swe-bench-world.ts";
import type { WorldSource } from "../../coordinator/src/worlds/world-source.ts";
import { startAgent } from "../support/agents.ts";
import { miniWobFolder, noChromium } from "../support/browser.ts";
import { someSettings } from "../support/campaign-context.ts";
import { codeWorld } from "../support/code-world.ts";
import type { Emulator } from "../support/emulators/emulator.ts";
import { hindcast } from "../support/hindcast.ts";
import { aNatsServer } from "../support/nats-server.ts";
import { rawNats, shortenAckWait } from "../support/raw-nats.ts";
import { aReplica } from "../support/replica.ts";
import { fixturePython } from "../support/swe-bench-fixture.ts";
import { countsOf, learned, runInWorld, type WorldCampaign } from "../support/world-campaign.ts";

const pages = noChromium === null ? await miniWobFolder() : { reason: noChromium };
const folder = "folder" in pages ? pages.folder : null;
/** The policy is offline: nobody is called. */
const nobody = { url: "http://127.0.0.1:9", apiKey: "none" } as Emulator;
const leaseTtlMs = 6_000;
/** Some seconds on a quiet machine; browsers on a busy one take their time. */
const timeoutMs = 180_000;

type Kind = "browser" | "swe-bench";
/** The patches of both arms. */
interface Predicted {
  predicted: Record<"on" | "off", CampaignPredictions>;
}
type AgentOptions = Parameters<typeof startAgent>[2];

/** The same campaign twice on servers of their own: in peace with evaluation, and with an agent that dies in mid-episode. */
async function inPeaceAndDisturbed(
  kind: Kind,
  source: WorldSource,
  { agent, deadlyWord }: { agent: AgentOptions; deadlyWord: string },
): Promise<{ calm: WorldCampaign & Predicted; disturbed: WorldCampaign; exit: NodeJS.Signals | number | null }> {
  const common = {
    id: "c-0001",
    tasksPerDocument: 2,
    windowPolicy: { kind: "faithful" as const },
    seed: 1,
    // All windows of an episode may be shown: which two of them were would be a matter of ties.
    retrieval: { ...someSettings.retrieval, perTrajectoryMax: 6 },
  };
  const calmly = async (): Promise<WorldCampaign & Predicted> => {
    await using nats = await aNatsServer(undefined, [kind]);
    const bus = await nats.coordinator();
    await using _replica = await aReplica(nats);
    await using _agent = await startAgent(nats, nobody, { ...agent, pool: kind, slots: 2, leaseTtlMs });
    const evaluation = { documentDisjointPercent: 0, tasksPerKindMax: 1 };
    const campaign = await runInWorld(bus, kind, source, { ...common, verifyByReplay: true, evaluation });
    const predicted = async (arm: "on" | "off"): Promise<CampaignPredictions> =>
      await sweBenchPredictions(bus, campaign.record, arm);
    return { ...campaign, predicted: { on: await predicted("on"), off: await predicted("off") } };
  };
  const disturbedly = async (): Promise<{ campaign: WorldCampaign; exit: NodeJS.Signals | number | null }> => {
    await using nats = await aNatsServer(undefined, [kind]);
    const bus = await nats.coordinator();
    await using raw = await rawNats(nats);
    await shortenAckWait(raw, 2_000, {}, kind);
    await using first = await startAgent(nats, nobody, { ...agent, pool: kind, id: "w-1", deadlyWord, leaseTtlMs });
    const running = runInWorld(bus, kind, source, { ...common, verifyByReplay: true });
    running.catch(() => undefined);
    await expect.poll(() => first.child.exitCode ?? first.child.signalCode, { timeout: timeoutMs }).not.toBe(null);
    await using _second = await startAgent(nats, nobody, { ...agent, pool: kind, id: "w-2", slots: 2, leaseTtlMs });
    return { campaign: await running, exit: first.child.signalCode };
  };
  const calm = await calmly();
  const { campaign: disturbed, exit } = await disturbedly();
  return { calm, disturbed, exit };
}

describe.skipIf(folder === null)(`a campaign on web pages${"reason" in pages ? ` (${pages.reason})` : ""}`, () => {
  it(
    "learns from pages, helps on others of their kind, and is the same when an agent is killed in mid-episode",
    async () => {
      const source = miniWobWorld(
        { tasks: ["click-checkboxes", "enter-text"], seeds: 1, heldOutPercent: 0, seed: 1 },
        { miniWobFolder: folder, isLocal: true },
      );
      const { calm, disturbed, exit } = await inPeaceAndDisturbed("browser", source, {
        agent: { miniWobFolder: folder },
        deadlyWord: "click [6]",
      });
      expect(countsOf(calm, "tasks")).toEqual({ "rolled-out": 2 });
      expect(calm.report.outcomes).toMatchObject({ submitted: expect.any(Number) as number });
      expect(calm.demonstrations.length).toBeGreaterThan(2);
      expect(
        new Set(
          calm.demonstrations.map(
            ({ benchmark, application, environment }) => `${benchmark} ${application} ${environment}`,
          ),
        ),
      ).toEqual(new Set(["miniwob click-checkboxes browser", "miniwob enter-text browser"]));
      expect(countsOf(calm, "replay")).toEqual({ verified: calm.demonstrations.length });
      expect(calm.report.gain.find(({ kind }) => kind === "instance-disjoint")).toMatchObject({
        tasks: 1,
        off: { successes: 0, decided: 1 },
        on: { successes: 1, decided: 1 },
      });
      expect(exit).toBe("SIGKILL");
      expect(learned(disturbed)).toEqual(learned(calm));
    },
    timeoutMs,
  );
});

describe.skipIf(fixturePython === null)("a campaign on code", () => {
  it(
    "learns from bugs, helps with others that tests judge, and is the same when an agent is killed in mid-episode",
    async () => {
      const { instances, documents, cache, repositories } = codeWorld();
      const source = await sweBenchWorld(
        { instances, heldOutPercent: 50, seed: 1 },
        {
          isLocal: true,
          hasChromium: false,
          miniWobFolder: null,
          hasSweBenchCache: true,
          repositories,
          plugIns: null,
        },
      );
      const { calm, disturbed, exit } = await inPeaceAndDisturbed(
        "swe-bench",
        { ...source, documents: [{ kind: "path", path: documents }] },
        { agent: { sweBench: { cache, repositories } }, deadlyWord: "git add" },
      );
      expect(countsOf(calm, "tasks")).toEqual({ "rolled-out": 2 });
      expect(calm.demonstrations.length).toBeGreaterThan(1);
      expect(calm.demonstrations[0]).toMatchObject({
        benchmark: "swe-bench",
        application: "demo/shapes",
        environment: "swe-bench",
      });
      expect(calm.report.gain.find(({ kind }) => kind === "instance-disjoint")).toMatchObject({
        tasks: 1,
        off: { successes: 0, decided: 1 },
        on: { successes: 1, decided: 1 },
      });
      const { on, off } = calm.predicted;
      const [solved] = on.predictions;
      expect(solved).toMatchObject({ model_name_or_path: "hindcast+offline:rules+retrieval-on" });
      expect(solved?.model_patch).toMatch(/^diff --git a\/shapes\/\w+\.py b\/shapes\/\w+\.py\n/);
      // The one that was held back and not tried.
      expect(on.missing).toHaveLength(1);
      expect(off.predictions).toMatchObject([{ instance_id: solved?.instance_id, model_patch: "" }]);
      const file = join(instances, "predictions.jsonl");
      await writePredictions(file, on.predictions);
      const places = ["--repos", ...repositories, "--cache", cache, "--memory-gib", "2"];
      const tasks = ["--tasks", join(instances, "tasks.jsonl"), "--predictions", file];
      const judged = await hindcast(["bench", "swe-bench", "evaluate", ...tasks, ...places], { cwd: instances });
      expect(judged).toMatchObject({ code: 0, stdout: expect.stringMatching(/1 predictions +1 resolved/) as string });
      expect(exit).toBe("SIGKILL");
      expect(learned(disturbed)).toEqual(learned(calm));
    },
    timeoutMs,
  );
});
