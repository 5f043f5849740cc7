// The self-hosted sites that are built on this machine: visits, episodes of right and wrong players, resuming, and what a
// campaign is told. `npm run sites` builds them first, and tries every task.
// Requirements: 6.14.clock, 6.14.visits, 6.14.tasks, 6.14.campaign
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { sourceText } from "../../coordinator/src/documents/document-source.ts";
import { siteClocks } from "../../coordinator/src/cli/site-clocks.ts";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { scenesFor } from "../../coordinator/src/world.ts";
import { Site, siteWorld } from "../../coordinator/src/worlds/site-world.ts";
import { builtSite } from "../../rollout-agent/src/sites/build-site.ts";
import type { ReferenceVisitor } from "../../rollout-agent/src/sites/reference-visitor.ts";
import { writeSiteFiles } from "../../rollout-agent/src/sites/site-files.ts";
import { placesOf, readRecipe } from "../../rollout-agent/src/sites/site-recipe.ts";
import { noChromium } from "../support/browser.ts";
import { HostedSite, textOf } from "../support/hosted-site.ts";

const shop = builtSite(readRecipe("shop"), join(cacheDirectory(process.env), "sites"));
const reason = shop === null ? "the shop is not built: hindcast sites build" : noChromium;
const never = new AbortController().signal;
const timeoutMs = 180_000;

describe.skipIf(reason !== null)(`the shop${reason === null ? "" : ` (${reason})`}`, () => {
  const built = shop as NonNullable<typeof shop>;
  let site: HostedSite;

  beforeAll(async () => {
    site = await HostedSite.start(built, 2);
  }, timeoutMs);
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  const lines = (database: string): unknown =>
    new DatabaseSync(database, { readOnly: true, timeout: 15_000 })
      .prepare("SELECT count(*) AS lines FROM basket_line")
      .get();

  it(
    "gives every visitor a copy, puts back the one that was left longest, and tells its visitor so",
    async () => {
      const { host } = site;
      const { solution } = site.task(1040);
      const buy = async (who: ReferenceVisitor): Promise<void> => {
        const page = await who.open(`${host.origin}${solution.page}`);
        await who.submit(page, solution.form ?? { has: "", fields: {} });
      };
      const [first, second, third] = [1, 2, 3].map(() => site.visitor("shopping")) as [
        ReferenceVisitor,
        ReferenceVisitor,
        ReferenceVisitor,
      ];
      await buy(first);
      expect((await second.open(`${host.origin}/basket/`)).html).toContain("Your basket is empty");
      expect([...host.databases().values()].map(lines)).toEqual([{ lines: 1 }, { lines: 0 }]);
      await buy(second);
      // Both copies are in use, and the first visitor has been away for longer.
      expect((await third.open(`${host.origin}/basket/`)).html).toContain("Your basket is empty");
      expect((await second.open(`${host.origin}/basket/`)).html).not.toContain("Your basket is empty");
      expect((await first.open(`${host.origin}/basket/`)).status).toBe(410);
    },
    timeoutMs,
  );

  it(
    "shows a fresh visitor the same products in the same order, whatever was saved of them in another copy",
    async () => {
      const index = join(built.folder, "program", "search");
      const written = (): [string, number][] =>
        readdirSync(index).map((name) => [name, statSync(join(index, name)).mtimeMs]);
      const products = async (): Promise<string[]> => {
        const { html } = await site.visitor("shopping").open(`${site.host.origin}/catalogue/`);
        return [...new Set(html.match(/(?<=href=")\/catalogue\/[\w-]+_\d+\/(?=")/g))];
      };
      const before = [await products(), written()];
      expect(before[0]).toHaveLength(20);
      // A product is saved with its reviews' mean.
      const { page, form } = site.task(1142).solution;
      const keeper = site.visitor("shopping_admin");
      const saved = await keeper.submit(
        await keeper.open(`${site.urls.shopping_admin?.[0]}${page}`),
        form ?? { has: "", fields: {} },
      );
      expect(saved.status).toBe(200);
      expect([await products(), written()]).toEqual(before);
    },
    timeoutMs,
  );

  it(
    "has tasks of every kind that can be done and are not done by others",
    async () => {
      const tried = await site.problems([1001, 1003, 1008, 1020, 1042, 1101, 1140]);
      expect(tried).toEqual(tried.map(([intent]) => [intent, null]));
    },
    timeoutMs,
  );

  it(
    "is played in a browser: who buys succeeds, also when resumed in another browser, who only says so fails",
    async () => {
      const made = site.task(1040);
      await using idle = site.open(made, "idle");
      await idle.reset(never);
      expect(await site.judge(made, idle)).toMatchObject({ verdict: "failure" });

      await using buyer = site.open(made, "buyer");
      const text = textOf(await buyer.reset(never));
      const button = /\[(\d+)\] button 'Add to basket'/.exec(text)?.[1] ?? "";
      const bought = await buyer.step({ kind: "browser", call: `click [${button}]` }, never);
      expect(textOf(bought)).toContain("has been added to your basket");
      expect(await site.judge(made, buyer)).toMatchObject({ verdict: "success" });

      const snapshot = await bought.snapshot(never);
      await using resumed = site.open(made, "resumed");
      const again = await resumed.restore(snapshot ?? new Uint8Array(), never);
      expect(textOf(again)).toContain("has been added to your basket");
      expect(await site.judge(made, resumed)).toMatchObject({ verdict: "success" });
      expect([...site.host.databases().values()].map(lines)).toContainEqual({ lines: 1 });
    },
    timeoutMs,
  );

  it(
    "says in its help what can be done, step by step, from the page on which each place begins",
    async () => {
      const examples = placesOf(built.recipe).flatMap(({ role, name, path }) =>
        [
          ...readFileSync(join(built.recipe.folder, "documents", `${name}.md`), "utf8").matchAll(
            /^```text\n([^`]+)^```/gm,
          ),
        ].map(([, steps = ""]) => ({ role, path, steps: steps.trim().split("\n") })),
      );
      expect(examples).toHaveLength(6);
      for (const { role, path, steps } of examples) {
        const calls = steps.map((step): readonly [RegExp, string] => {
          const [, kind = "", name = ""] = /^click \[(\w+) "([^"]+)"\]$/.exec(step) ?? [];
          // Icons of a font stand before some names.
          return [new RegExp(`\\[(\\d+)\\] ${kind} '\\P{L}*${RegExp.escape(name)}'`, "u"), "click [ID]"];
        });
        const { states } = await site.walk(role, path, { calls, pauseMs: 0, scope: "viewport" });
        expect(new Set(states).size, steps.join()).toBe(steps.length + 1);
      }
    },
    timeoutMs,
  );

  it(
    "shows the same pages to whoever buys the same again, by its own clock",
    async () => {
      const { page } = site.task(1040).solution;
      const calls: Parameters<HostedSite["walk"]>[2]["calls"] = [
        [/\[(\d+)\] button 'Add to basket'/, "click [ID]"],
        [/\[(\d+)\] link 'View basket'/, "click [ID]"],
      ];
      const first = await site.walk("shopping", page, { calls, pauseMs: 0 });
      const again = await site.walk("shopping", page, { calls, pauseMs: 3_000 });
      expect(again.states).toEqual(first.states);
    },
    timeoutMs,
  );

  it("is a world for campaigns, with logins, help and tasks to be measured by", async () => {
    const { tasks, host, urls } = site;
    const { sitesFile, urlsFile } = await writeSiteFiles(join(site.folder, "out"), [
      { recipe: built.recipe, origin: host.origin, tasks },
    ]);
    const sites = (JSON.parse(readFileSync(sitesFile, "utf8")) as unknown[]).map((one) => Site.parse(one));
    const { world, documents } = siteWorld(sites);
    expect(world.starts.map(({ id }) => id)).toEqual(["shop", "shop-admin"]);
    expect(world.starts[0]?.environment).toMatchObject({ resume: "replay", storageState: { origins: [] } });
    expect(world.heldOut).toHaveLength(tasks.length);
    // Each place's help is tried where it tells of, though both lie in the shop's folder.
    const offered = new Map<string, number>();
    const tried = documents.map((source) => scenesFor(world, { source: sourceText(source) }, offered));
    expect(tried.map((scenes) => scenes.map(({ id }) => id))).toEqual([["shop"], ["shop-admin"]]);
    expect(JSON.parse(readFileSync(urlsFile, "utf8"))).toEqual(urls);
    const { clock } = built.recipe;
    expect(siteClocks({ sites: urlsFile }, site.folder)).toEqual({ shopping: clock, shopping_admin: clock });
  });
});
