// Requirements: 6.15.worlds, 6.15.guard
import { mkdtempSync, rmSync, mkdirSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CampaignSettings } from "@hindcast/shared";
import { describe, expect, it, onTestFinished } from "vitest";
import { someSettings } from "../../../test/support/campaign-context.ts";
import { codeWorld } from "../../../test/support/code-world.ts";
import { defaults } from "../config/defaults.ts";
import type { HindcastConfig } from "../config/schema.ts";
import { heldOutInWorld } from "../evaluation/held-out-in-world.ts";
import { seededRandom } from "../sampling.ts";
import { InstructionDeduplicator } from "../similarity/instruction-deduplicator.ts";
import { scenesFor } from "../world.ts";
import { miniWobWorld } from "./miniwob-world.ts";
import { Site, siteWorld } from "./site-world.ts";
import type { WorldPlaces } from "./world-source.ts";
import { worldOf } from "./world-of.ts";

const nowhere: WorldPlaces = {
  isLocal: false,
  hasChromium: false,
  miniWobFolder: null,
  hasSweBenchCache: false,
  repositories: [],
  plugIns: null,
};
const tasks = ["click-button", "click-link", "enter-text", "focus-text"];
const miniWob = miniWobWorld({ tasks, seeds: 2, heldOutPercent: 25, seed: 1 }, nowhere);

function campaign(
  environment: HindcastConfig["campaign"]["environment"],
  world: Partial<HindcastConfig["campaign"]["world"]>,
): Pick<HindcastConfig["campaign"], "environment" | "world" | "seed"> {
  return { environment, world: { ...defaults.campaign.world, ...world }, seed: 1 };
}

describe("a world of several places", () => {
  it("is refused where two have one name: the second would never be opened", async () => {
    const startUrls = ["http://shop.test/", "http://shop.test/admin"];
    await expect(worldOf(campaign("browser", { startUrls }), nowhere)).rejects.toMatchObject({
      code: "CONFIG_INVALID",
      message: expect.stringContaining("two places or tasks called shop.test"),
    });
  });
});

describe("a world of MiniWoB's pages", () => {
  it("holds back seeds of the pages that are learned from, and whole pages with their documents", () => {
    const { world, documents } = miniWob;
    const learned = new Set(world.starts.map(({ application }) => application));
    expect([world.starts.length, learned.size, documents.length]).toEqual([6, 3, 3]);
    for (const scene of world.heldOut) {
      expect(learned.has(scene.application)).toBe(scene.kind === "instance-disjoint");
      expect(world.starts.map(({ environment }) => environment)).not.toContainEqual(scene.environment);
    }
  });

  it("refuses pages that the folder does not have", () => {
    const folder = mkdtempSync(join(tmpdir(), "hindcast-pages-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const make = (): unknown =>
      miniWobWorld({ tasks, seeds: 1, heldOutPercent: 0, seed: 1 }, { ...nowhere, miniWobFolder: folder });
    expect(make).toThrow(/holds no MiniWoB pages.*pip download/);
    mkdirSync(join(folder, "miniwob"));
    for (const task of tasks.slice(1)) writeFileSync(join(folder, "miniwob", `${task}.html`), "");
    expect(make).toThrow(/names click-button, which/);
  });
});

describe("a world of repositories with bugs", () => {
  it("needs instances, a cache and clones, and says which is missing", async () => {
    const { instances, repositories } = codeWorld();
    await expect(worldOf(campaign("swe-bench", { instances: "/nonexistent" }), nowhere)).rejects.toThrow(
      /is not there/,
    );
    await expect(worldOf(campaign("swe-bench", { instances }), { ...nowhere, isLocal: true })).rejects.toThrow(
      /HINDCAST_SWE_BENCH_CACHE/,
    );
    const places = { ...nowhere, isLocal: true, hasSweBenchCache: true, repositories };
    const source = await worldOf(campaign("swe-bench", { instances, heldOutPercent: 25 }), places);
    expect(source?.world.starts).toHaveLength(3);
    expect(source?.world.heldOut).toMatchObject([{ kind: "instance-disjoint", reference: { kind: "swe-bench" } }]);
    // What would give a task away is in its reference alone.
    expect(JSON.stringify(source?.world.starts)).not.toContain("test_hidden");
  });
});

describe("a world of pages", () => {
  it("needs a browser and MiniWoB's pages where its agents are started from here, and says how to get them", async () => {
    const here = { ...nowhere, isLocal: true };
    const pages = campaign("browser", { miniWobTasks: tasks });
    await expect(worldOf(pages, here)).rejects.toThrow(/no Chromium.*install/);
    await expect(worldOf(pages, { ...here, hasChromium: true })).rejects.toThrow(/pip download miniwob/);
    expect((await worldOf(pages, nowhere))?.world.starts.length).toBeGreaterThan(0);
  });
});

describe("a world that is plugged in", () => {
  it("is refused where the worlds file does not know it", async () => {
    const places = { ...nowhere, plugIns: ["todo"] };
    await expect(worldOf(campaign("plug-in", { plugIn: "notes" }), places)).rejects.toThrow(/knows todo/);
    expect((await worldOf(campaign("plug-in", { plugIn: "todo" }), places))?.world.starts).toHaveLength(3);
  });
});

describe("sites", () => {
  const site = Site.parse({
    name: "shop",
    urls: ["http://shop.test:8000/"],
    documents: ["man:git-tag"],
    tasks: [
      {
        id: "1",
        instruction: "Put the blue kettle into the basket and send the order",
        startUrls: ["http://shop.test:8000/kettles"],
        reference: { kind: "world-reward" },
      },
    ],
    keepsChanges: true,
  });

  it("are scenes with their own documents, and tasks that are dropped where learning asked for nearly the same", () => {
    const { world, documents } = siteWorld([site]);
    expect(world.starts).toMatchObject([{ id: "shop", application: "shop", environment: { resume: "revisit" } }]);
    expect(documents).toEqual([{ kind: "manual", page: "git-tag", section: null }]);
    const settings = CampaignSettings.parse({
      ...someSettings,
      evaluation: { documentDisjointPercent: 0, tasksPerKindMax: 5 },
    });
    const context = { id: "c-0001" as never, settings, random: seededRandom("a"), warnings: new Set<string>() };
    expect(heldOutInWorld(context, world, new InstructionDeduplicator())).toHaveLength(1);
    const known = new InstructionDeduplicator();
    known.add("ins-1" as never, "Put the blue kettle into the basket and send the order");
    expect(heldOutInWorld(context, world, known)).toEqual([]);
    expect([...context.warnings]).toEqual([expect.stringContaining("too close")]);
  });
});

describe("scenesFor", () => {
  it("offers a document those of its own application, and another one those that were offered least", () => {
    const offered = new Map<string, number>();
    const [first] = miniWob.world.starts;
    const own = scenesFor(miniWob.world, { source: `${first?.application}.md` }, offered);
    expect(new Set(own.map(({ application }) => application))).toEqual(new Set([first?.application]));
    const other = scenesFor(miniWob.world, { source: "handbook.md" }, offered);
    expect(other).toHaveLength(miniWob.world.starts.length);
    expect(own.map(({ id }) => id)).not.toContain(other[0]?.id);
  });

  it("offers one that lies in a folder of another application's name its own: what it tells of is not there", () => {
    const { world } = siteWorld(
      ["shop", "shop-admin"].map((name) => Site.parse({ name, urls: [`http://${name}.test/`] })),
    );
    const offered = new Map<string, number>();
    const placesOf = (source: string): string[] => scenesFor(world, { source }, offered).map(({ id }) => id);
    expect(placesOf("/srv/sites/shop/documents/shop-admin.md")).toEqual(["shop-admin"]);
    expect(placesOf("/srv/sites/shop/documents/shop.md")).toEqual(["shop"]);
    expect(placesOf("shop/orders.md")).toEqual(["shop"]);
    expect(placesOf("handbook.md")).toHaveLength(2);
  });
});
