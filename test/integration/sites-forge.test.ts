// The forge, where it is built on this machine: copies whose repositories are put back with the database, tasks of every
// kind, and a browser whose scripts send what is judged. `npm run sites` builds it first, and tries every task.
// Requirements: 6.14.clock, 6.14.forge
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cacheDirectory } from "../../coordinator/src/local/binary-options.ts";
import { builtSite } from "../../rollout-agent/src/sites/build-site.ts";
import { readRecipe } from "../../rollout-agent/src/sites/site-recipe.ts";
import { noChromium } from "../support/browser.ts";
import { HostedSite } from "../support/hosted-site.ts";

const forge = builtSite(readRecipe("forge"), join(cacheDirectory(process.env), "sites"));
const reason = forge === null ? "the forge is not built: hindcast sites build forge" : noChromium;
const timeoutMs = 300_000;

describe.skipIf(reason !== null)(`the forge${reason === null ? "" : ` (${reason})`}`, () => {
  let site: HostedSite;

  beforeAll(async () => {
    site = await HostedSite.start(forge as NonNullable<typeof forge>, 1);
  }, timeoutMs);
  afterAll(async () => {
    await site?.[Symbol.asyncDispose]();
  });

  it(
    "puts repositories back with the database while it runs, and they can be written again",
    async () => {
      const { origin } = site.host;
      const merged = (): unknown => {
        const [database = ""] = site.host.databases().values();
        using opened = new DatabaseSync(database, { readOnly: true, timeout: 15_000 });
        return opened.prepare("SELECT sum(has_merged) AS merged FROM pull_request").get();
      };
      const { solution } = site.task(1250);
      const pull = `${origin}${solution.page}`;
      const before: unknown[] = [];
      // Both get the one copy there is: the second after it was put back.
      for (const visitor of [1, 2].map(() => site.visitor("gitlab"))) {
        const page = await visitor.open(pull);
        before.push(merged());
        const action = `${origin}${solution.form?.action}`;
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
      const tried = await site.problems([1202, 1211, 1215, 1222, 1244, 1249, 1301, 1304, 1321, 1340, 1341]);
      expect(tried).toEqual(tried.map(([intent]) => [intent, null]));
    },
    timeoutMs,
  );

  it(
    "makes the same commit, by its own clock, for whoever writes the same page again",
    async () => {
      const calls: Parameters<HostedSite["walk"]>[2]["calls"] = [
        [/\[(\d+)\] textbox 'Page title'/, "type [ID] [Lost keys] [0]"],
        [/\[(\d+)\] textbox 'Page content'/, "type [ID] [Ask Noor.] [0]"],
        [/\[(\d+)\] button 'Save Page'/, "click [ID]"],
        [/\[(\d+)\] link 'Wiki'/, `goto [${site.host.origin}/lanternworks/handbook/wiki/Lost-keys?action=_revision]`],
      ];
      const page = "/lanternworks/handbook/wiki?action=_new";
      const first = await site.walk("gitlab", page, { calls, pauseMs: 0 });
      expect(first.text).toMatch(/StaticText '[0-9a-f]{10}'|link '[0-9a-f]{10}'/);
      const again = await site.walk("gitlab", page, { calls, pauseMs: 3_000 });
      expect(again.states).toEqual(first.states);
    },
    timeoutMs,
  );

  it(
    "is played in a browser, whose scripts send comments and stars in their own way: what was done is judged done",
    async () => {
      const outcome = [{ verdict: "failure" }, { verdict: "success" }];
      expect(await site.play(1246, [[/\[(\d+)\] button 'Star'/, "click [ID]"]])).toMatchObject(outcome);
      const words = site.task(1243).solution.form?.fields["content"] ?? "";
      expect(
        await site.play(1243, [
          [/\[(\d+)\] textbox 'Leave a comment'/, `type [ID] [${words}] [0]`],
          [/\[(\d+)\] button 'Comment'/, "click [ID]"],
        ]),
      ).toMatchObject(outcome);
    },
    timeoutMs,
  );
});
