// Requirements: 6.9.parity
// A reference run's verdicts (`validated.jsonl`: tests that passed before and after the gold patch) and ours. Offline: the
// same Pythons, the same tests, and an admission of ours that draws the same conclusion from the logs that its counts mean.
// By running: each instance whose clone is in the folder that HINDCAST_TEST_REPOSITORIES names.
import { mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import {
  type InstanceAdmission,
  instanceRequirements,
  readEnvironmentPins,
  readSweBenchInstances,
  type SweBenchInstance,
} from "@hindcast/shared/node";
import { locateRepository } from "../../rollout-agent/src/environment/swe-bench/repository-source.ts";
import { benchmarkData } from "../support/benchmark-data.ts";
import { HindcastProcess } from "../support/hindcast.ts";
import { evalScript, fixtureCache, fixturePython, sweBenchFixture } from "../support/swe-bench-fixture.ts";

const data = benchmarkData("swe-bench");
const clones = process.env.HINDCAST_TEST_REPOSITORIES ?? null;

const fraction = z.string().regex(/^\d+\/\d+$/);
const Line = z.strictObject({
  instance_id: z.string(),
  python: z.string(),
  f2p_before: fraction,
  p2p_before: fraction,
  f2p_gold: fraction,
  p2p_gold: fraction,
  resolved_with_gold: z.boolean(),
  // Of the machine that it ran on, or for people.
  env_build_s: z.number(),
  env_mb: z.number(),
  install_s: z.number(),
  eval_s: z.number(),
  note: z.string(),
});
type Line = z.infer<typeof Line>;
type Verdicts = Pick<Line, "f2p_before" | "p2p_before" | "f2p_gold" | "p2p_gold" | "resolved_with_gold">;

const file = (name: string): string => join(data ?? "", name);
const lines =
  data === null
    ? []
    : readFileSync(file("validated.jsonl"), "utf8")
        .trim()
        .split("\n")
        .map((line) => Line.parse(JSON.parse(line)));

const verdictsOf = ({ f2p_before, p2p_before, f2p_gold, p2p_gold, resolved_with_gold }: Line): Verdicts => ({
  f2p_before,
  p2p_before,
  f2p_gold,
  p2p_gold,
  resolved_with_gold,
});

/** What the file would say of an admission of ours. */
function ours({ status, empty, gold }: InstanceAdmission): Verdicts {
  const count = (of: { passed: number; total: number } | undefined): string => `${of?.passed}/${of?.total}`;
  return {
    f2p_before: count(empty?.failToPass),
    p2p_before: count(empty?.passToPass),
    f2p_gold: count(gold?.failToPass),
    p2p_gold: count(gold?.passToPass),
    resolved_with_gold: status === "admitted",
  };
}

async function validated(): Promise<{ line: Line; instance: SweBenchInstance }[]> {
  const instances = await readSweBenchInstances(file("verified.jsonl.gz"));
  return lines.map((line) => {
    const instance = instances.find(({ instance_id: id }) => id === line.instance_id);
    if (instance === undefined) throw new Error(`${line.instance_id} is no instance of Verified's`);
    return { line, instance };
  });
}

async function admissionsOf(run: HindcastProcess): Promise<InstanceAdmission[]> {
  const { stderr } = await run.done;
  expect(stderr).toBe("");
  return run
    .events()
    .flatMap(({ event, admission }) => (event === "admission" ? [admission as InstanceAdmission] : []));
}

/** As the runner of the instance's project prints it. */
function printed({ log_parser: parser }: SweBenchInstance, test: string, isPassed: boolean): string {
  if (parser === "parse_log_django") return `${test} ... ${isPassed ? "ok" : "FAIL"}`;
  if (parser === "parse_log_sympy") return `${test} ${isPassed ? "ok" : "F"}`;
  return isPassed ? `PASSED ${test}` : `FAILED ${test} - AssertionError: no`;
}

function logOf(instance: SweBenchInstance, failToPass: string, passToPass: string): string {
  const part = (tests: readonly string[], of: string): string[] => {
    const [passed = 0, total = 0] = of.split("/").map(Number);
    expect({ id: instance.instance_id, total }).toEqual({ id: instance.instance_id, total: tests.length });
    return tests.map((test, at) => printed(instance, test, at < passed));
  };
  return [...part(instance.FAIL_TO_PASS, failToPass), ...part(instance.PASS_TO_PASS, passToPass)].join("\n");
}

describe.skipIf(data === null)(
  `the reference run's verdicts${data === null ? " (shared/data/swe-bench is not here)" : ""}`,
  () => {
    it("are of instances that Verified has, with the Python that ours are given", async () => {
      const pins = await readEnvironmentPins(file("verified-env-pins.jsonl.gz"));
      const found = (await validated()).map(({ line, instance }) => ({
        id: line.instance_id,
        python: instanceRequirements(instance, pins).environment?.python,
      }));
      expect(found.length).toBeGreaterThan(0);
      expect(found).toEqual(lines.map(({ instance_id: id, python }) => ({ id, python })));
    });

    it.skipIf(fixturePython === null)(
      "follow from their counts: an admission that sees as many tests pass concludes the same",
      { timeout: 600_000 },
      async () => {
        const fixture = sweBenchFixture();
        // Names of our own: what Verified's own names need beside their pins would be fetched.
        const nameOf = (at: number): string => `demo__calc-${at}`;
        const told = (await validated()).map(({ line, instance }, at) => {
          const [before, after] = [
            logOf(instance, line.f2p_before, line.p2p_before),
            logOf(instance, line.f2p_gold, line.p2p_gold),
          ];
          const command = `if grep -q 'a + b' calc/__init__.py; then\ncat <<'AFTER'\n${after}\nAFTER\nelse\ncat <<'BEFORE'\n${before}\nBEFORE\nfalse\nfi`;
          const { FAIL_TO_PASS, PASS_TO_PASS, log_parser } = instance;
          const eval_script = evalScript(fixture.commits.base, fixture.testPatch, command);
          return fixture.instance({ instance_id: nameOf(at), FAIL_TO_PASS, PASS_TO_PASS, log_parser, eval_script });
        });
        const tasks = ["--tasks", fixture.data(told), "--pins", join(fixture.folder, "pins.jsonl"), "--again"];
        const places = ["--repos", fixture.repositories, "--cache", fixtureCache, "--memory-gib", "2"];
        const run = new HindcastProcess(["bench", "swe-bench", "verify", "--json", ...tasks, ...places], {
          cwd: fixture.folder,
          env: { PIP_NO_INDEX: "1" },
        });
        const found = await admissionsOf(run);
        expect(found.filter(({ status }) => status !== "admitted").map(({ reason }) => reason)).toEqual([]);
        expect(Object.fromEntries(found.map((each) => [each.instanceId, ours(each)]))).toEqual(
          Object.fromEntries(lines.map((line, at) => [nameOf(at), verdictsOf(line)])),
        );
      },
    );

    const placeOf = (id: string): string | null => {
      if (clones === null) return "HINDCAST_TEST_REPOSITORIES names no folder of clones";
      try {
        locateRepository(id.replace(/-\d+$/, "").replace("__", "/"), [clones]);
        return null;
      } catch {
        return `no clone in ${clones}`;
      }
    };

    describe.each(lines.map((line) => ({ line, missing: placeOf(line.instance_id) })))(
      "by running",
      ({ line, missing }) => {
        const title = `${line.instance_id}${missing === null ? "" : ` (${missing})`}`;
        it.skipIf(missing !== null)(title, { timeout: 3_600_000 }, async () => {
          // Kept between runs: environments take minutes.
          const cache = join(tmpdir(), "hindcast-swe-bench-parity");
          mkdirSync(cache, { recursive: true, mode: 0o755 });
          const tasks = ["--tasks", file("verified.jsonl.gz"), "--instances", line.instance_id, "--again"];
          const places = ["--repos", clones ?? "", "--cache", cache];
          const run = new HindcastProcess(["bench", "swe-bench", "verify", "--json", ...tasks, ...places], {
            cwd: cache,
          });
          const [admission] = await admissionsOf(run);
          expect(admission?.reason).toBe("the gold patch resolves it and the empty one does not");
          expect(admission === undefined ? null : ours(admission)).toEqual(verdictsOf(line));
        });
      },
    );
  },
);
