// The self-hosted sites that are built on this machine: visits, episodes of right and wrong players, resuming, and what a
// campaign is told. `npm run sites` builds them first, and tries every task.
// Requirements: 6.14.visits, 6.14.tasks, 6.14.campaign
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Evaluation } from "@hindcast/shared";
import { type SiteUrls, verifiedReference } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { Site, siteWorld } from "../../coordinator/src/worlds/site-world.ts";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import { webArenaEvaluator } from "../../rollout-agent/src/environment/browser/webarena-evaluator.ts";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { builtSite } from "../../rollout-agent/src/sites/build-site.ts";
import { ReferenceVisitor } from "../../rollout-agent/src/sites/reference-visitor.ts";
import { loginOf, urlsOf, writeSiteFiles } from "../../rollout-agent/src/sites/site-files.ts";
import { SiteHost } from "../../rollout-agent/src/sites/site-host.ts";
import { placesOf, readRecipe } from "../../rollout-agent/src/sites/site-recipe.ts";
import { tasksOfSite } from "../../rollout-agent/src/sites/tasks/tasks-of-site.ts";
import { problemOf } from "../../rollout-agent/src/sites/verify-tasks.ts";
import { aBrowserSpec, browserLimits, chromium, noChromium } from "../support/browser.ts";
import { anObserved } from "../support/builders.ts";

const shop = builtSite(readRecipe("shop"), join(cacheDirectory(process.env), "sites"));
const reason = shop === null ? "the shop is not built: hindcast sites build" : noChromium;
const never = new AbortController().signal;
const timeoutMs = 180_000;

describe.skipIf(reason !== null)(`the shop${reason === null ? "" : ` (${reason})`}`, () => {
  const site = shop as NonNullable<typeof shop>;
  let folder: string;
  let host: SiteHost;
  let urls: SiteUrls;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hindcast-sites-"));
    host = await SiteHost.start({ site, folder, port: 0, copiesMax: 2, idleMsMin: 0 });
    urls = urlsOf([{ recipe: site.recipe, origin: host.origin }]);
  });
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const logins = Object.fromEntries(placesOf(readRecipe("shop")).map(({ role, login }) => [role, login]));
  const lines = (database: string): unknown =>
    new DatabaseSync(database, { readOnly: true }).prepare("SELECT count(*) AS lines FROM basket_line").get();
  const task = (template: number): ReturnType<typeof tasksOfSite>[number] => {
    const made = tasksOfSite(site).find(({ task: { intent_template_id: id } }) => id === template);
    if (made === undefined) throw new Error(`there is no task of template ${template}`);
    return made;
  };

  it(
    "gives every visitor a copy, puts back the one that was left longest, and tells its visitor so",
    async () => {
      const visitor = (): ReferenceVisitor => new ReferenceVisitor(logins["shopping"] ?? []);
      const { solution } = task(1040);
      const buy = async (who: ReferenceVisitor): Promise<void> => {
        const page = await who.open(`${host.origin}${solution.page}`);
        await who.submit(page, solution.form ?? { has: "", fields: {} });
      };
      const [first, second, third] = [visitor(), visitor(), visitor()];
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
    "has tasks of every kind that can be done and are not done by others",
    async () => {
      for (const template of [1001, 1003, 1008, 1020, 1042, 1101, 1140]) {
        const made = task(template);
        const login = logins[made.task.sites[0] ?? ""] ?? [];
        expect([made.task.intent, await problemOf(made, { urls, login })]).toEqual([made.task.intent, null]);
      }
    },
    timeoutMs,
  );

  it(
    "is played in a browser: who buys succeeds, also when resumed in another browser, who only says so fails",
    async () => {
      const { task: asked, solution } = task(1040);
      const claim = '{"task_type": "MUTATE", "status": "SUCCESS", "retrieved_data": null, "error_details": null}';
      const judge = (environment: Environment): Promise<Evaluation> =>
        environment.evaluate(
          {
            reference: verifiedReference(asked),
            answer: claim,
            trajectory: { initial: anObserved(), steps: [] },
          },
          never,
        );
      const provider = createBrowserProvider({
        chromiumPath: chromium,
        guestPath: defaultGuestPath,
        miniWobFolder: null,
        evaluators: [webArenaEvaluator(urls)],
      });
      const open = (id: string): Environment =>
        provider.create({
          id: `ep-sites-${process.pid}-${id}`,
          spec: aBrowserSpec(`${host.origin}${solution.page}`, {
            storageState: loginOf(logins["shopping"] ?? [], host.origin),
            scope: "page",
          }),
          limits: browserLimits,
        });
      const textOf = ({ observation }: Awaited<ReturnType<Environment["reset"]>>): string =>
        observation.kind === "page" ? observation.text : "";

      await using idle = open("idle");
      await idle.reset(never);
      expect(await judge(idle)).toMatchObject({ verdict: "failure" });

      await using buyer = open("buyer");
      const text = textOf(await buyer.reset(never));
      const button = /\[(\d+)\] button 'Add to basket'/.exec(text)?.[1] ?? "";
      const bought = await buyer.step({ kind: "browser", call: `click [${button}]` }, never);
      expect(textOf(bought)).toContain("has been added to your basket");
      expect(await judge(buyer)).toMatchObject({ verdict: "success" });

      const snapshot = await bought.snapshot(never);
      await using resumed = open("resumed");
      const again = await resumed.restore(snapshot ?? new Uint8Array(), never);
      expect(textOf(again)).toContain("has been added to your basket");
      expect(await judge(resumed)).toMatchObject({ verdict: "success" });
      expect([...host.databases().values()].map(lines)).toContainEqual({ lines: 1 });
    },
    timeoutMs,
  );

  it("is a world for campaigns, with logins, help and tasks to be measured by", async () => {
    const tasks = tasksOfSite(site);
    const { sitesFile, urlsFile } = await writeSiteFiles(join(folder, "out"), [
      { recipe: site.recipe, origin: host.origin, tasks },
    ]);
    const sites = (JSON.parse(readFileSync(sitesFile, "utf8")) as unknown[]).map((one) => Site.parse(one));
    const { world, documents } = siteWorld(sites);
    expect(world.starts.map(({ id }) => id)).toEqual(["shop", "shop-admin"]);
    expect(world.starts[0]?.environment).toMatchObject({ resume: "replay", storageState: { origins: [] } });
    expect(world.heldOut).toHaveLength(tasks.length);
    expect(documents).toHaveLength(2);
    expect(JSON.parse(readFileSync(urlsFile, "utf8"))).toEqual(urls);
  });
});
