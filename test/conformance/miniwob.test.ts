// MiniWoB++ on its own pages: every task starts with its goal, and scripted solutions are rewarded.
// Requirements: 6.11.early-stop, 6.13.tasks, 6.13.rewards, 6.13.seeds
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { BrowserSpec, PageObservation } from "@hindcast/shared";
import { miniWobDefaults, miniWobOrigin, miniWobUrl } from "@hindcast/shared/node";
import { describe, expect, it } from "vitest";
import { BrowserSession } from "../../rollout-agent/src/environment/browser/browser-session.ts";
import { miniWobStatus, startMiniWob } from "../../rollout-agent/src/environment/browser/miniwob-page.ts";
import type { Environment, EvaluationRequest } from "../../rollout-agent/src/environment/environment.ts";
import { defaultGuestPath } from "../../rollout-agent/src/sandbox/bubblewrap.ts";
import {
  aBrowserSpec,
  browserLimits,
  browserProvider,
  chromium,
  miniWobFolder,
  noChromium,
} from "../support/browser.ts";
import { anObserved } from "../support/builders.ts";
import { never } from "./sandbox-fixture.ts";

const pages = noChromium === null ? await miniWobFolder() : { reason: noChromium };
const folder = "folder" in pages ? pages.folder : null;

function spec(task: string, seed: number, actions: BrowserSpec["actions"] = "webarena"): BrowserSpec {
  return aBrowserSpec(miniWobUrl(task), { start: { kind: "miniwob", task, seed }, actions, scope: "page" });
}

function create(task: string, seed: number, actions?: BrowserSpec["actions"]): Environment {
  return browserProvider(folder).create({
    id: `ep-${task}-${seed}`,
    spec: spec(task, seed, actions),
    limits: browserLimits,
  });
}

const rewarded: EvaluationRequest = {
  reference: { kind: "world-reward" },
  answer: null,
  trajectory: { initial: anObserved(), steps: [] },
};

/** Plays until the page is done. A player sees the observation and says what to do next. */
async function play(
  task: string,
  player: (page: PageObservation, goal: string) => string,
  seed = 3,
): Promise<{ verdict: string; score: number | undefined; steps: number; detail: string }> {
  await using environment = create(task, seed, "browsergym");
  let { observation } = await environment.reset(never);
  for (let steps = 1; steps <= miniWobDefaults.stepsMax; steps += 1) {
    if (observation.kind !== "page") throw new Error(observation.kind);
    const goal = /^Goal: (.*)$/m.exec(observation.text)?.[1] ?? "";
    const state = await environment.step({ kind: "browser", call: player(observation, goal) }, never);
    ({ observation } = state);
    if (observation.kind === "page" && observation.error !== null) throw new Error(observation.error);
    if (!state.terminated) continue;
    const { verdict, score, detail } = await environment.evaluate(rewarded, never);
    return { verdict, score, steps, detail };
  }
  throw new Error(`${task} was not done`);
}

/** The id in the line that holds all words. */
function idWith({ text }: PageObservation, ...words: string[]): string {
  const line = text.split("\n").find((candidate) => words.every((word) => candidate.includes(word)));
  const id = /\[(\w+)\]/.exec(line ?? "")?.[1];
  if (id === undefined) throw new Error(`nothing says ${words.join(" and ")} in:\n${text}`);
  return id;
}

const quotedIn = (goal: string): string[] => [...goal.matchAll(/"([^"]*)"/g)].map((match) => match[1] ?? "");

describe.skipIf(folder === null)(
  `MiniWoB++${folder === null ? ` (${"reason" in pages ? pages.reason : ""})` : ""}`,
  () => {
    const tasks = readdirSync(join(folder ?? ".", "miniwob"))
      .filter((name) => name.endsWith(".html"))
      .map((name) => name.replace(/\.html$/, ""));

    it("starts every task with its goal, unfinished and unrewarded", { timeout: 120_000 }, async () => {
      expect(tasks.length).toBeGreaterThanOrEqual(125);
      await using session = await BrowserSession.start({
        name: "ep-session",
        programs: { chromiumPath: chromium ?? "", bwrapPath: "/usr/bin/bwrap", guestPath: defaultGuestPath },
        spec: { ...spec("click-button", 0), viewport: miniWobDefaults.viewport },
        limits: browserLimits,
        miniWobFolder: folder,
        storageState: null,
      });
      await session.open(
        [`${miniWobOrigin}/miniwob/click-button.html`, `${miniWobOrigin}/miniwob/click-button.html`],
        never,
      );
      const waiting = [...tasks];
      const goals = new Map<string, string>();
      await Promise.all(
        session.tabs.pages.map(async (page) => {
          for (let task = waiting.pop(); task !== undefined; task = waiting.pop()) {
            await page.goto(miniWobUrl(task));
            goals.set(task, await startMiniWob(page, 1));
            expect(await miniWobStatus(page)).toMatchObject({ isDone: false, rawReward: 0 });
          }
        }),
      );
      expect([...goals.keys()].toSorted()).toEqual(tasks.toSorted());
      expect([...goals.values()].filter((goal) => goal.length < 5)).toEqual([]);
    });

    it("gives the same page for a seed and another for another, and is the same again after its actions", async () => {
      await using one = create("click-checkboxes", 5);
      await using two = create("click-checkboxes", 5);
      await using three = create("click-checkboxes", 6);
      const [first, second, third] = await Promise.all([one.reset(never), two.reset(never), three.reset(never)]);
      expect(second.observation).toEqual(first.observation);
      expect(second.stateHash).toBe(first.stateHash);
      expect(third.stateHash).not.toBe(first.stateHash);
      const ends: boolean[] = [];
      for (let step = 0; step < 3; step += 1) {
        const { observation, terminated } = await three.step({ kind: "browser", call: "scroll [down]" }, never);
        ends.push(terminated);
        if (terminated) expect(observation).toMatchObject({ error: expect.stringMatching(/3 times in a row/) });
      }
      expect(ends).toEqual([false, false, true]);
    });

    it.each<[string, (page: PageObservation, goal: string) => string]>([
      ["click-button", (page, goal) => `click("${idWith(page, "button", `'${quotedIn(goal)[0]}'`)}")`],
      ["enter-text", (page, goal) => formFiller(page, [["textbox", quotedIn(goal)[0] ?? ""]], "Submit")],
      [
        "login-user",
        (page, goal) => {
          const [user = "", password = ""] = quotedIn(goal);
          return formFiller(
            page,
            [
              ["textbox", user],
              ["textbox", password],
            ],
            "Login",
          );
        },
      ],
      [
        "click-checkboxes",
        (page, goal) => {
          const wanted = goal.replace(/^Select (.*) and click Submit\.$/, "$1").split(", ");
          const missing = page.text.split("\n").find((line) => {
            const name = /checkbox '(.*?)'/.exec(line)?.[1] ?? "";
            return wanted.includes(name) && !line.includes("checked='true'");
          });
          return missing === undefined
            ? `click("${idWith(page, "button", "Submit")}")`
            : `click("${/\[(\w+)\]/.exec(missing)?.[1]}")`;
        },
      ],
      [
        "choose-list",
        (page, goal) => {
          const wanted = goal.replace(/^Select (.*) from the list and click Submit\.$/, "$1");
          const list = idWith(page, "combobox");
          const isChosen = page.text.includes(`value='${wanted}'`);
          return isChosen
            ? `click("${idWith(page, "button", "Submit")}")`
            : `select_option("${list}", ${JSON.stringify(wanted)})`;
        },
      ],
    ])("rewards a scripted solution of %s", async (task, player) => {
      expect(await play(task, player)).toMatchObject({ verdict: "success", score: 1 });
    });

    it("rewards a search through a tree, with the other action language", async () => {
      await using environment = create("navigate-tree", 3);
      let state: { observation: { text: string }; terminated?: boolean } = await environment.reset(never);
      const goal = quotedIn(state.observation.text)[0] ?? "";
      const seen = new Set<string>();
      for (let steps = 0; steps < 20 && state.terminated !== true; steps += 1) {
        const lines = state.observation.text
          .split("\n")
          .slice(3)
          .filter((line) => /StaticText|link/.test(line) && !line.includes("Navigate"));
        const line =
          lines.find((text) => text.includes(`'${goal}'`)) ?? lines.find((text) => !seen.has(text.replace(/^\t+/, "")));
        seen.add((line ?? "").replace(/^\t+/, ""));
        state = await environment.step(
          { kind: "browser", call: `click [${/\[(\d+)\]/.exec(line ?? "")?.[1]}]` },
          never,
        );
      }
      expect(state.terminated).toBe(true);
      expect(await environment.evaluate(rewarded, never)).toMatchObject({ verdict: "success" });
    });

    it("gives no reward for a wrong answer, for none, and for leaving", async () => {
      const wrong = await play("click-button", (page, goal) => {
        const line = page.text
          .split("\n")
          .find((text) => text.includes("] button") && !text.includes(`'${quotedIn(goal)[0]}'`));
        return `click("${/\[(\w+)\]/.exec(line ?? "")?.[1]}")`;
      });
      expect(wrong).toMatchObject({ verdict: "failure", score: 0 });
      await using environment = create("click-button", 1);
      await environment.reset(never);
      expect(await environment.evaluate(rewarded, never)).toMatchObject({
        verdict: "failure",
        detail: "the task was not finished",
      });
      await environment.step({ kind: "browser", call: "goto [about:blank]" }, never);
      expect(await environment.evaluate(rewarded, never)).toMatchObject({ verdict: "failure" });
    });

    it("says nothing of a page whose browser has died", async () => {
      await using environment = create("click-button", 1);
      await environment.reset(never);
      for (const pid of browserProcesses()) process.kill(pid, "SIGKILL");
      await expect.poll(browserProcesses).toEqual([]);
      const lost = { code: "SANDBOX_LOST", retryable: true };
      await expect(environment.evaluate(rewarded, never)).rejects.toMatchObject(lost);
    });
  },
);

/** Of this test's browsers: their folders are named by its process. */
function browserProcesses(): number[] {
  return readdirSync("/proc")
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, "utf8").includes(`hindcast-browser-${process.pid}-`);
      } catch {
        return false;
      }
    });
}

/** Fills the first field that does not hold its value yet; then presses the button. */
function formFiller(page: PageObservation, fields: [role: string, value: string][], button: string): string {
  const lines = page.text.split("\n").filter((line) => /\btextbox\b/.test(line) && !line.startsWith("Goal:"));
  for (const [index, [, value]] of fields.entries()) {
    const line = lines[index] ?? "";
    const held = /value='(.*?)'/.exec(line)?.[1] ?? "";
    const isFilled = held === value || (held.length === value.length && /^[•*]+$/.test(held));
    if (!isFilled) return `fill("${/\[(\w+)\]/.exec(line)?.[1]}", ${JSON.stringify(value)})`;
  }
  return `click("${idWith(page, "button", button)}")`;
}
