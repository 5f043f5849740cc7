// The forge, where it is built on this machine: copies whose repositories are put back with the database, tasks of every
// kind, and a browser whose scripts send what is judged. `npm run sites` builds it first, and tries every task.
// Requirements: 6.14.forge
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import type { Evaluation } from "@hindcast/shared";
import { type SiteUrls, verifiedReference } from "@hindcast/shared/node";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { createBrowserProvider } from "../../rollout-agent/src/environment/browser/browser-provider.ts";
import { webArenaEvaluator } from "../../rollout-agent/src/environment/browser/webarena-evaluator.ts";
import type { Environment } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import { builtSite } from "../../rollout-agent/src/sites/build-site.ts";
import { ReferenceVisitor } from "../../rollout-agent/src/sites/reference-visitor.ts";
import { loginOf, urlsOf } from "../../rollout-agent/src/sites/site-files.ts";
import { SiteHost } from "../../rollout-agent/src/sites/site-host.ts";
import { placesOf, readRecipe } from "../../rollout-agent/src/sites/site-recipe.ts";
import { tasksOfSite } from "../../rollout-agent/src/sites/tasks/tasks-of-site.ts";
import { problemOf } from "../../rollout-agent/src/sites/verify-tasks.ts";
import { aBrowserSpec, browserLimits, chromium, noChromium } from "../support/browser.ts";
import { anObserved } from "../support/builders.ts";

const forge = builtSite(readRecipe("forge"), join(cacheDirectory(process.env), "sites"));
const reason = forge === null ? "the forge is not built: hindcast sites build forge" : noChromium;
const never = new AbortController().signal;
const timeoutMs = 300_000;

describe.skipIf(reason !== null)(`the forge${reason === null ? "" : ` (${reason})`}`, () => {
  const site = forge as NonNullable<typeof forge>;
  let folder: string;
  let host: SiteHost;
  let urls: SiteUrls;

  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), "hindcast-forge-"));
    host = await SiteHost.start({ site, folder, port: 0, copiesMax: 1, idleMsMin: 0 });
    urls = urlsOf([{ recipe: site.recipe, origin: host.origin }]);
  }, timeoutMs);
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]();
    rmSync(folder, { recursive: true, force: true });
  });

  const logins = Object.fromEntries(placesOf(readRecipe("forge")).map(({ role, login }) => [role, login]));
  const task = (template: number): ReturnType<typeof tasksOfSite>[number] => {
    const made = tasksOfSite(site).find(({ task: { intent_template_id: id } }) => id === template);
    if (made === undefined) throw new Error(`there is no task of template ${template}`);
    return made;
  };

  it(
    "puts repositories back with the database while it runs, and they can be written again",
    async () => {
      const merged = (): unknown => {
        const [database = ""] = host.databases().values();
        using opened = new DatabaseSync(database, { readOnly: true });
        return opened.prepare("SELECT sum(has_merged) AS merged FROM pull_request").get();
      };
      const { solution } = task(1250);
      const pull = `${host.origin}${solution.page}`;
      const before: unknown[] = [];
      // Both get the one copy there is: the second after it was put back.
      for (const visitor of [1, 2].map(() => new ReferenceVisitor(logins["gitlab"] ?? []))) {
        const page = await visitor.open(pull);
        before.push(merged());
        const action = `${host.origin}${solution.form?.action}`;
        const { status, html } = await visitor.submit(page, { has: "_csrf", fields: { do: "merge" }, action });
        expect([status, html.trim()]).toEqual([200, `{"redirect":"${solution.page}"}`]);
        // From the repository, not the database: the commit that merging made.
        const history = await visitor.open(pull.replace(/\/pulls\/.*/, "/commits/branch/main"));
        expect(history.html).toContain("into main");
      }
      expect(before).toEqual([{ merged: 3 }, { merged: 3 }]);
      expect(merged()).toEqual({ merged: 4 });
    },
    timeoutMs,
  );

  it(
    "has tasks of every kind, its wiki's too, that can be done and are not done by others",
    async () => {
      for (const template of [1202, 1211, 1215, 1222, 1244, 1249, 1301, 1304, 1321, 1341]) {
        const made = task(template);
        const login = logins[made.task.sites[0] ?? ""] ?? [];
        expect([made.task.intent, await problemOf(made, { urls, login })]).toEqual([made.task.intent, null]);
      }
    },
    timeoutMs,
  );

  it(
    "is played in a browser, whose scripts send comments and stars in their own way: what was done is judged done",
    async () => {
      const claim = '{"task_type": "MUTATE", "status": "SUCCESS", "retrieved_data": null, "error_details": null}';
      const provider = createBrowserProvider({
        chromiumPath: chromium,
        guestPath: defaultGuestPath,
        miniWobFolder: null,
        evaluators: [webArenaEvaluator(urls)],
      });
      const textOf = ({ observation }: Awaited<ReturnType<Environment["reset"]>>): string =>
        observation.kind === "page" ? observation.text : "";
      const play = async (template: number, calls: [element: RegExp, call: string][]): Promise<Evaluation[]> => {
        const { task: asked, solution } = task(template);
        await using environment = provider.create({
          id: `ep-forge-${process.pid}-${template}`,
          spec: aBrowserSpec(`${host.origin}${solution.page}`, {
            storageState: loginOf(logins["gitlab"] ?? [], host.origin),
            scope: "page",
          }),
          limits: browserLimits,
        });
        const judge = (): Promise<Evaluation> =>
          environment.evaluate(
            {
              reference: verifiedReference(asked),
              answer: claim,
              trajectory: { initial: anObserved(), steps: [] },
            },
            never,
          );
        let text = textOf(await environment.reset(never));
        const verdicts = [await judge()];
        for (const [element, call] of calls) {
          const id = element.exec(text)?.[1];
          if (id === undefined) throw new Error(`nothing is ${String(element)} in ${text}`);
          text = textOf(await environment.step({ kind: "browser", call: call.replace("ID", id) }, never));
        }
        return [...verdicts, await judge()];
      };
      const outcome = [{ verdict: "failure" }, { verdict: "success" }];
      expect(await play(1246, [[/\[(\d+)\] button 'Star'/, "click [ID]"]])).toMatchObject(outcome);
      const words = task(1243).solution.form?.fields["content"] ?? "";
      expect(
        await play(1243, [
          [/\[(\d+)\] textbox 'Leave a comment'/, `type [ID] [${words}] [0]`],
          [/\[(\d+)\] button 'Comment'/, "click [ID]"],
        ]),
      ).toMatchObject(outcome);
    },
    timeoutMs,
  );
});
