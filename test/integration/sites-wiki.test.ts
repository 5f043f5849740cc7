// The wiki, where it is built on this machine: copies that are put back with all that an edit entails, tasks of every kind,
// a browser that edits and watches, and a campaign. `npm run sites` builds it first, and tries every task.
// Requirements: 6.14.clock, 6.14.wiki, 6.14.campaign, 6.15.sites
import { chmodSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { CampaignReport } from "@hindcast/shared";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { Site, siteWorld } from "../../coordinator/src/worlds/site-world.ts";
import { builtSite } from "../../rollout-agent/src/sites/build-site.ts";
import { SiteCopy } from "../../rollout-agent/src/sites/site-copy.ts";
import { writeSiteFiles } from "../../rollout-agent/src/sites/site-files.ts";
import { readRecipe } from "../../rollout-agent/src/sites/site-recipe.ts";
import { noChromium } from "../support/browser.ts";
import { aFolder, hindcast, processesOf } from "../support/hindcast.ts";
import { HostedSite } from "../support/hosted-site.ts";

const wiki = builtSite(readRecipe("wiki"), join(cacheDirectory(process.env), "sites"));
const reason = wiki === null ? "the wiki is not built: hindcast sites build wiki" : noChromium;
const never = new AbortController().signal;
const timeoutMs = 300_000;

describe.skipIf(reason !== null)(`the wiki${reason === null ? "" : ` (${reason})`}`, () => {
  const built = wiki as NonNullable<typeof wiki>;
  let site: HostedSite;

  beforeAll(async () => {
    site = await HostedSite.start(built, 1);
  }, timeoutMs);
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  /** What MediaWiki writes for an edit beside its text: the number of pages, the index of the search, the last changes. */
  const entailed = (): unknown => {
    const [database = ""] = site.host.databases().values();
    using opened = new DatabaseSync(database, { readOnly: true, timeout: 15_000 });
    return opened
      .prepare(
        `SELECT (SELECT ss_total_edits FROM site_stats) AS edits, (SELECT count(*) FROM searchindex_content) AS found,
           (SELECT count(*) FROM recentchanges) AS changes, (SELECT count(*) FROM job) AS owed`,
      )
      .get();
  };

  it(
    "puts back all that an edit entailed, which is done when the edit is answered, and can be edited again",
    async () => {
      const { solution } = site.task(1442);
      const counts: unknown[] = [];
      // All three get the one copy there is, after it was put back.
      for (const visitor of [1, 2, 3].map(() => site.visitor("wikipedia"))) {
        const page = await visitor.open(`${site.host.origin}${solution.page}`);
        const before = entailed();
        const saved = await visitor.submit(page, solution.form ?? { has: "", fields: {} });
        expect([saved.status, saved.url]).toEqual([200, `${site.host.origin}/wiki/Long_Pier`]);
        counts.push(before, entailed());
        const search = `${site.host.origin}/index.php?title=Special:Search&search=longer+piers&fulltext=1`;
        expect((await visitor.open(search)).html).toContain('title="Long Pier"');
      }
      const [before, after] = counts as [Record<string, number>, Record<string, number>];
      expect(after).toEqual({
        edits: Number(before["edits"]) + 1,
        found: Number(before["found"]) + 1,
        changes: Number(before["changes"]) + 1,
        owed: 0,
      });
      expect(counts).toEqual([before, after, before, after, before, after]);
    },
    timeoutMs,
  );

  it(
    "is put back within a second",
    async () => {
      const state = join(site.folder, "timed");
      await using copy = await SiteCopy.start(built, { state, origin: "http://127.0.0.1" }, never);
      const started = performance.now();
      await copy.restore();
      expect(performance.now() - started).toBeLessThan(1_000);
    },
    timeoutMs,
  );

  it(
    "has tasks of every kind that can be done and are not done by others",
    async () => {
      const tried = await site.problems([1401, 1403, 1409, 1411, 1413, 1415, 1423, 1440, 1443, 1446, 1447, 1448, 1451]);
      expect(tried).toEqual(tried.map(([intent]) => [intent, null]));
    },
    timeoutMs,
  );

  it(
    "is played in a browser, whose scripts leave the sending to forms: what was done is judged done",
    async () => {
      const outcome = [{ verdict: "failure" }, { verdict: "success" }];
      const words = site.task(1442).solution.form?.fields["wpTextbox1"] ?? "";
      expect(
        await site.play(1442, [
          [/\[(\d+)\] textbox 'Wikitext source editor'/, `type [ID] [${words}] [0]`],
          [/\[(\d+)\] button 'Save page/, "click [ID]"],
        ]),
      ).toMatchObject(outcome);
      expect(await site.play(1444, [[/\[(\d+)\] button 'OK'/, "click [ID]"]])).toMatchObject(outcome);
    },
    timeoutMs,
  );

  it(
    "shows the same pages to whoever does the same again, by its own clock",
    async () => {
      const calls: Parameters<HostedSite["walk"]>[2]["calls"] = [
        [/\[(\d+)\] textbox 'Wikitext source editor'/, "type [ID] [Longer than it was.] [0]"],
        [/\[(\d+)\] button 'Save page/, "click [ID]"],
        [/\[(\d+)\] link 'View history'/, "click [ID]"],
        [/\[(\d+)\] link 'Watchlist'/, "click [ID]"],
      ];
      const page = site.task(1442).solution.page;
      const first = await site.walk("wikipedia", page, { calls, pauseMs: 0 });
      expect(first.text).toContain("as of 16 March 2026, 09:01");
      const again = await site.walk("wikipedia", page, { calls, pauseMs: 3_000 });
      expect(again.states).toEqual(first.states);
    },
    timeoutMs,
  );

  it("is a world for campaigns, with a login, help and tasks to be measured by", async () => {
    const { tasks, host, urls } = site;
    const served = [{ recipe: built.recipe, origin: host.origin, tasks }];
    const { sitesFile, urlsFile } = await writeSiteFiles(join(site.folder, "out"), served);
    const { world, documents } = siteWorld(
      (JSON.parse(readFileSync(sitesFile, "utf8")) as unknown[]).map((one) => Site.parse(one)),
    );
    expect(world.starts.map(({ id }) => id)).toEqual(["wiki"]);
    expect(world.heldOut).toHaveLength(tasks.length);
    expect(documents).toHaveLength(1);
    expect(JSON.parse(readFileSync(urlsFile, "utf8"))).toEqual(urls);
  });

  it(
    "is learned on by a campaign from its help, which links that were never shown are then followed by",
    async () => {
      using work = aFolder();
      chmodSync(work.path, 0o755);
      // Pages of categories: one link of the main page leads to each, and the help shows another one of them.
      const tasks = site.tasks.filter(({ task }) => task.intent_template_id === 1424);
      const served = [{ recipe: built.recipe, origin: site.host.origin, tasks }];
      const { sitesFile, urlsFile } = await writeSiteFiles(join(work.path, "sites"), served);
      const settings = [
        "campaign.environment=browser",
        `campaign.world.sitesFile=${sitesFile}`,
        "campaign.tasksPerDocument=1",
        `campaign.evaluation.tasksPerKindMax=${tasks.length}`,
      ].flatMap((each) => ["--set", each]);
      const args = ["--json", "run", "--agents", "1", "--slots", "1", ...settings];
      const run = await hindcast(args, { cwd: work.path, env: { HINDCAST_SITES_FILE: urlsFile } });
      expect(run).toMatchObject({ code: 0, stderr: "" });
      const { report } = JSON.parse(run.stdout.trim().split("\n").at(-1) ?? "") as { report: unknown };
      const { funnel, gain } = CampaignReport.parse(report);
      expect(funnel.find(({ name }) => name === "demonstrations")?.counts["indexed"]).toBeGreaterThan(0);
      const measured = gain.find(({ kind }) => kind === "document-disjoint");
      expect(measured).toMatchObject({ tasks: tasks.length, off: { successes: 0, decided: tasks.length } });
      expect(measured?.on.successes).toBeGreaterThan(0);
      expect(processesOf(work.path)).toEqual([]);
    },
    timeoutMs,
  );
});
