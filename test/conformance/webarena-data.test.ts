// Requirements: 6.12.loaders, 6.12.fixture, 6.12.baselines, 6.12.references
// The published files of WebArena and its kin: all of them load, in order, and are judged as their authors judge them.
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { TaskReference } from "@hindcast/shared";
import {
  evaluateVerified,
  feasibilityOf,
  orderTasks,
  readBrowserGymMetadata,
  readHar,
  readSubset,
  readWebArenaTasks,
  requirementsOf,
  verifiedBaselines,
  verifiedReference,
  webArenaBaselines,
  webArenaReference,
  type VerifiedTask,
  type WebArenaTask,
} from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { benchmarkData } from "../support/benchmark-data.ts";
import { sites } from "../support/webarena-cases.ts";

const data = benchmarkData("webarena");
const visual = benchmarkData("visualwebarena");
const why = "no shared/data folder with the published files";

async function webArenaTasks(path: string): Promise<WebArenaTask[]> {
  const read = await readWebArenaTasks(path);
  if (read.benchmark !== "webarena") throw new Error(`${path} is of ${read.benchmark}`);
  return read.tasks;
}

async function verifiedTasks(folder: string): Promise<VerifiedTask[]> {
  const read = await readWebArenaTasks(join(folder, "webarena-verified.json"));
  if (read.benchmark !== "webarena-verified") throw new Error(read.benchmark);
  return read.tasks;
}

describe.skipIf(data === null)(`the published tasks${data === null ? ` (${why})` : ""}`, () => {
  const folder = data ?? "";

  it("of WebArena and WebArena-Lite all load, and each is a reference that a task message takes", async () => {
    const [whole, lite] = await Promise.all(
      ["test.raw.json", "webarena-lite.raw.json"].map((name) => webArenaTasks(join(folder, name))),
    );
    expect([whole?.length, lite?.length]).toEqual([812, 165]);
    for (const task of [...(whole ?? []), ...(lite ?? [])]) {
      const reference = webArenaReference(task);
      expect(TaskReference.parse(JSON.parse(JSON.stringify(reference)))).toEqual(reference);
      expect(feasibilityOf(task, { sites, judge: true, vision: false })).toEqual({ kind: "ok" });
    }
    const needsJudge = (whole ?? []).filter((task) => requirementsOf(task).judge).length;
    expect(needsJudge).toBe(118);
  });

  it("of WebArena-Verified all load, and the hard ones are among them", async () => {
    const tasks = await verifiedTasks(folder);
    const hard = await readSubset(join(folder, "subset-webarena-verified-hard.json"));
    expect([tasks.length, hard.length]).toEqual([812, 258]);
    const known = new Set(tasks.map(({ task_id: id }) => id));
    expect(hard.filter((id) => !known.has(id))).toEqual([]);
    for (const task of tasks) {
      const reference = verifiedReference(task);
      expect(TaskReference.parse(JSON.parse(JSON.stringify(reference)))).toEqual(reference);
    }
    const { map: _, ...noMap } = sites;
    const unavailable = tasks.filter(
      (task) => feasibilityOf(task, { sites: noMap, judge: true, vision: true }).kind !== "ok",
    );
    expect(unavailable.length).toBeGreaterThan(100);
  });

  it("run in an order that honours BrowserGym's chains", async () => {
    const metadata = await readBrowserGymMetadata(join(folder, "browsergym-metadata.csv"));
    expect(metadata.length).toBe(812);
    expect(metadata.filter(({ split }) => split === "train").length).toBe(431);
    const order = orderTasks(
      metadata.map(({ taskId }) => taskId),
      metadata,
    );
    const place = new Map(order.map(({ taskId }, index) => [taskId, index]));
    expect(order.length).toBe(812);
    for (const { taskId, dependsOn } of metadata) {
      for (const before of dependsOn) expect(place.get(before)).toBeLessThan(place.get(taskId) ?? -1);
    }
    // One chain per site; the sites are reset once each.
    expect(order.flatMap(({ resetBefore }) => resetBefore).length).toBe(
      new Set(metadata.flatMap((one) => one.sites)).size,
    );
  });

  it("that say N/A or nothing score what doing nothing scores", async () => {
    const [answers, responses] = [
      await webArenaBaselines(await webArenaTasks(join(folder, "test.raw.json")), sites),
      verifiedBaselines(await verifiedTasks(folder), sites),
    ];
    expect(answers.map(({ name, passed }) => [name, passed])).toEqual([
      ["always N/A", 36],
      ["empty answer", 0],
      ["always FAIL", 0],
    ]);
    expect(responses.map(({ name, passed }) => [name, passed])).toEqual([
      ["always N/A", 25],
      ["no response", 0],
      ["always FAIL", 0],
      ["claims success", 0],
    ]);
  });

  it("of the recorded run come out as its authors publish them", async () => {
    const har = readHar(readFileSync(join(folder, "fixture-107-108-network.har.gz")), "fixture");
    const response = readFileSync(join(folder, "fixture-107-agent_response.json"), "utf8");
    const published = JSON.parse(readFileSync(join(folder, "fixture-107-eval_result.json"), "utf8")) as object;
    const task = (await verifiedTasks(folder)).find(({ task_id: id }) => id === 107);
    if (task === undefined) throw new Error("task 107 is gone");
    const result = evaluateVerified({ reference: verifiedReference(task), response, events: har.events, sites: {} });
    // What names their program is theirs.
    const { webarena_verified_version: _v, ...rest } = published as Record<string, unknown>;
    const { webarena_verified_evaluator_checksum: _e, webarena_verified_data_checksum: _d, ...theirs } = rest;
    expect(result).toEqual(theirs);
  });
});

it.skipIf(visual === null)(
  `the published tasks of VisualWebArena all load${visual === null ? ` (${why})` : ""}`,
  async () => {
    const files = ["classifieds", "reddit", "shopping"].map((site) => join(visual ?? "", `test_${site}.raw.json`));
    const tasks = (await Promise.all(files.map(webArenaTasks))).map((read) => read.length);
    expect(tasks).toEqual([234, 210, 466]);
  },
);
