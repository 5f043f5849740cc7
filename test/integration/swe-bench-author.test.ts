// Requirements: 6.10.author
// `hindcast bench swe-bench make --model`: a provider's emulator on the real wire, real git, real Python, real sandboxes.
import { execFileSync } from "node:child_process";
import { readFileSync, rmSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import type { SweBenchInstance } from "../../shared/src/node/benchmark/swe-bench/instance.ts";
import { startAnthropicEmulator } from "../support/emulators/anthropic.ts";
import type { Emulator, RecordedRequest, Reply } from "../support/emulators/emulator.ts";
import { type HindcastEvent, HindcastProcess, type HindcastResult } from "../support/hindcast.ts";
import {
  fixtureCache,
  fixturePython,
  sweBenchFixture,
  type SweBenchFixture,
  tests,
} from "../support/swe-bench-fixture.ts";

/** Some seconds on a quiet machine. */
const timeoutMs = 180_000;
const byId = (a: SweBenchInstance, b: SweBenchInstance): number => (a.instance_id < b.instance_id ? -1 : 1);

const report = "## Sums come out too small\n\nI gave `add` a 2 and a 3 and got -1. It should be 5.";
const answers: Record<string, { code: string } | { issue: string }> = {
  // In a fence, as models like it, and wrong.
  "rewrite add": { code: "```python\ndef add(a, b):\n    total = a\n    total -= b\n    return total\n```" },
  "rewrite double": { code: "def double(a):\n    return a *" },
  "modify add": { code: "def added(a, b):\n    return a + b + 1" },
  "modify double": { code: "def double(a):\n    return a * 2 + 1" },
  "issue add": { issue: report },
  // Says what the patch says.
  "issue double": { issue: "Write `return a * 2` instead of `return a * 2 + 1`." },
};

/** What was asked for which function, by the words of the prompt. */
function askedFor({ body }: RecordedRequest): string {
  const text = JSON.stringify(body);
  const what = text.includes("was left out") ? "rewrite" : text.includes("by mistake") ? "modify" : "issue";
  return `${what} ${/function=\\"(\w+)/.exec(text)?.[1]}`;
}

function answer(request: RecordedRequest): Reply {
  return { kind: "answer", text: JSON.stringify(answers[askedFor(request)] ?? {}) };
}

async function make(
  fixture: SweBenchFixture,
  emulator: Emulator,
  { out, more }: { out: string; more: string[] },
): Promise<{ result: HindcastResult; asked: HindcastEvent | undefined; instances: SweBenchInstance[] }> {
  const project = ["--repo", "demo/calc", "--commit", fixture.commits.after, "--python", String(fixturePython)];
  const run = ["--test", "python -m unittest -v tests.test_calc", "--parser", "parse_log_django"];
  const places = ["--repos", fixture.repositories, "--cache", fixtureCache, "--memory-gib", "2"];
  const model = ["--model", "anthropic:claude-sonnet-5-5", ...more];
  const folder = join(fixture.folder, out);
  const args = ["bench", "swe-bench", "make", ...project, ...run, ...places, ...model, "--out", folder, "--json"];
  const env = { ANTHROPIC_API_KEY: emulator.apiKey, HINDCAST_ANTHROPIC_BASE_URL: emulator.url };
  const hindcast = new HindcastProcess(args, { cwd: fixture.folder, env });
  const result = await hindcast.done;
  const instances = readFileSync(join(folder, "tasks.jsonl"), "utf8")
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => JSON.parse(line) as SweBenchInstance);
  return { result, asked: hindcast.events().find(({ event }) => event === "asked"), instances };
}

describe.skipIf(fixturePython === null)("hindcast bench swe-bench make with a model", () => {
  it(
    "keeps the bugs that it writes where a test notices them, pays for each answer once and never above the cap",
    async () => {
      const fixture = sweBenchFixture();
      rmSync(join(fixtureCache, "answers"), { recursive: true, force: true });
      await using emulator = await startAnthropicEmulator();
      emulator.replyAlways(answer);
      const more = ["--bugs", "rewrite,modify"];
      const { result, asked, instances } = await make(fixture, emulator, { out: "tasks", more });
      expect(result).toMatchObject({ code: 0, stderr: "" });
      expect(new Set(emulator.requests.map(askedFor))).toEqual(new Set(Object.keys(answers)));
      // What does not parse, has another name or tells too much is thrown away.
      expect(asked).toMatchObject({ calls: 6, journaled: 0, unusable: 3, isSpent: false });
      expect(asked?.["costUsd"]).toBeGreaterThan(0);
      const byKind = new Map(instances.map((each) => [/\.(lm-\w+)__/.exec(each.instance_id)?.[1], each]));
      expect(new Set(byKind.keys())).toEqual(new Set(["lm-modify", "lm-rewrite"]));
      expect(byKind.get("lm-rewrite")).toMatchObject({ problem_statement: report, FAIL_TO_PASS: [tests.add] });
      expect(byKind.get("lm-modify")).toMatchObject({
        problem_statement: expect.stringMatching(/^`double` in calc\/__init__\.py does not work/) as string,
        FAIL_TO_PASS: [tests.double],
        patch: expect.stringContaining("-    return a * 2 + 1\n+    return a * 2\n") as string,
      });
      const repository = join(fixture.folder, "tasks", "repositories", "demo__calc.git");
      const bug = execFileSync(
        "git",
        ["--git-dir", repository, "show", `${byKind.get("lm-rewrite")?.base_commit}:calc/__init__.py`],
        { encoding: "utf8" },
      );
      expect(bug).toContain("def add(a, b):\n    total = a\n    total -= b\n    return total\n\n\ndef double");

      // A budget that buys nothing: what the journal has is there all the same, and the rest is made without a model.
      const again = await make(fixture, emulator, { out: "again", more: ["--max-usd", "0.0001", "--count", "5"] });
      expect(emulator.requests).toHaveLength(6);
      expect(again.asked).toMatchObject({ calls: 6, journaled: 6, costUsd: 0, isSpent: true });
      const isAuthored = ({ instance_id: id }: SweBenchInstance): boolean => id.includes(".lm-");
      expect(again.instances.filter(isAuthored).toSorted(byId)).toEqual(instances.toSorted(byId));
      const others = again.instances.filter((each) => !isAuthored(each));
      expect(others).toHaveLength(3);
      for (const { problem_statement: issue } of others) expect(issue).toMatch(/^`(add|double)` in calc/);
    },
    timeoutMs,
  );

  it(
    "says what a model is needed for, and which is none",
    async () => {
      const fixture = sweBenchFixture();
      const run = async (...more: string[]): Promise<HindcastResult> => {
        const project = ["--repo", "demo/calc", "--commit", fixture.commits.after, "--test", "true", "--out", "out"];
        const places = ["--repos", fixture.repositories, "--cache", fixtureCache];
        return await new HindcastProcess(["bench", "swe-bench", "make", ...project, ...places, ...more], {
          cwd: fixture.folder,
        }).done;
      };
      const [without, rules] = [await run("--bugs", "modify"), await run("--model", "offline:rules")];
      expect(without).toMatchObject({ code: 2, stderr: expect.stringContaining("--model provider:model") as string });
      expect(rules).toMatchObject({ code: 2, stderr: expect.stringContaining("write no programs") as string });
    },
    timeoutMs,
  );
});
