// Requirements: 6.9.admission, 6.9.clock
// What is kept of an admission, and on which day its tests ran.
import { execFileSync } from "node:child_process";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { type InstanceAdmission, instanceRequirements, SweBenchInstance } from "@hindcast/shared/node";
import {
  admit,
  admittedClock,
  type AdmissionOptions,
} from "../../rollout-agent/src/environment/swe-bench/admission.ts";
import { CacheFolder } from "../../rollout-agent/src/environment/swe-bench/cache-folder.ts";
import { findClockLibrary } from "../../rollout-agent/src/environment/swe-bench/clock.ts";
import { evalScript, sweBenchFixture, type SweBenchFixture, tests } from "../support/swe-bench-fixture.ts";
import { never, provider } from "./sandbox-fixture.ts";

const problems = await provider.problems();

interface Admitting {
  options: AdmissionOptions;
  phases: string[];
  admit: () => Promise<{ admission: InstanceAdmission; isStored: boolean }>;
}

/** Its tests are the system's `python3`, so no environment is built. */
function admitting(fixture: SweBenchFixture, change: Record<string, unknown>): Admitting {
  const instance = SweBenchInstance.parse(fixture.instance(change));
  const phases: string[] = [];
  const options: AdmissionOptions = {
    instance,
    requirements: { ...instanceRequirements(instance), isPython: false },
    folder: join(fixture.folder, "verdicts"),
    isRepeated: false,
    limits: { memoryBytesMax: 2 ** 31, diskBytesMax: 2 ** 28, processesMax: 256 },
    timeoutMs: 60_000,
    onPhase: (phase) => phases.push(phase),
  };
  const sources = {
    sandboxes: provider,
    cache: new CacheFolder(join(fixture.folder, "cache"), 1e10),
    repositories: [fixture.repositories],
    pythons: { pyenvRoots: [join(homedir(), ".pyenv")], searchPath: process.env["PATH"] ?? "" },
  };
  return { options, phases, admit: () => admit(options, sources, never) };
}

/** Prints what the parser of Django's logs reads. */
function script(fixture: SweBenchFixture, command: string): { eval_script: string } {
  return { eval_script: evalScript(fixture.commits.base, fixture.testPatch, command) };
}
const passes = (name: string): string => `echo '${name} ... ok'`;
const fails = (name: string): string => `{ echo '${name} ... FAIL'; false; }`;
/** Of an instance that the gold patch resolves. */
const honest = `${passes(tests.double)}; if grep -q 'a + b' calc/__init__.py; then ${passes(tests.add)}; else ${fails(tests.add)}; fi`;
/** Of one that nothing resolves. */
const broken = `${passes(tests.double)}; ${fails(tests.add)}`;

/** Names a submodule at the base commit that the instance is then about; its clone is only there where it is made. */
function withSubmodule(fixture: SweBenchFixture): string {
  const settings = ["-c", "user.name=A", "-c", "user.email=a@example.invalid"];
  const git = (...args: string[]): string =>
    execFileSync("git", [...settings, ...args], { cwd: fixture.clone, encoding: "utf8" }).trim();
  git("update-index", "--add", "--cacheinfo", `160000,${"1".repeat(40)},helpers`);
  const text = '[submodule "h"]\n\tpath = helpers\n\turl = https://example.invalid/demo/helpers.git\n';
  writeFileSync(join(fixture.clone, ".gitmodules"), text);
  git("add", ".gitmodules");
  git("commit", "--quiet", "-m", "with helpers");
  return git("rev-parse", "HEAD");
}

const stored = (fixture: SweBenchFixture): string[] => {
  const folder = join(fixture.folder, "verdicts");
  mkdirSync(folder, { recursive: true });
  return readdirSync(folder).filter((name) => name.endsWith(".json"));
};

describe.skipIf(problems.length > 0)("an admission", () => {
  it("of a repository without submodules is kept, whichever way it went", async () => {
    const fixture = sweBenchFixture();
    for (const [instance_id, command, status] of [
      ["demo__calc-good", honest, "admitted"],
      ["demo__calc-broken", broken, "rejected"],
    ] as const) {
      const { admit: run } = admitting(fixture, { instance_id, ...script(fixture, command) });
      const first = await run();
      expect(first).toMatchObject({ isStored: false, admission: { status, clock: null } });
      expect(await run()).toEqual({ isStored: true, admission: first.admission });
    }
    expect(stored(fixture)).toHaveLength(2);
  });

  it("that rejects where a submodule is missing is not kept: its tests may have failed for that", async () => {
    const fixture = sweBenchFixture();
    const base_commit = withSubmodule(fixture);
    const change = { base_commit, eval_script: evalScript(base_commit, fixture.testPatch, broken) };
    const { admit: run } = admitting(fixture, change);
    expect((await run()).admission.status).toBe("rejected");
    expect(stored(fixture)).toEqual([]);
    const good = { base_commit, eval_script: evalScript(base_commit, fixture.testPatch, honest) };
    expect((await admitting(fixture, good).admit()).admission.status).toBe("admitted");
    expect(stored(fixture)).toHaveLength(1);
  });

  it("of a project whose dependencies nobody fetches concludes nothing and is not kept", async () => {
    const fixture = sweBenchFixture();
    rmSync(join(fixture.folder, "verdicts"), { recursive: true, force: true });
    const change = { log_parser: "parse_log_phpunit", image: "upstream/image:latest", ...script(fixture, honest) };
    const { admission } = await admitting(fixture, change).admit();
    expect(admission).toMatchObject({ status: "unavailable", reason: expect.stringMatching(/composer/) as string });
    expect(stored(fixture)).toEqual([]);
  });
});

describe.skipIf(problems.length > 0 || findClockLibrary() === null)("an instance whose tests dates break", () => {
  const created = { created_at: "2019-03-10 09:10:47" };
  const clock = "2019-03-10T09:10:47.000Z";
  const dated = `[[ $(date +%Y) == 2019 ]] || exit 1; ${honest}`;
  const today = `if [[ $(date +%Y) == 2019 ]]; then ${honest}; else ${broken}; fi`;

  it("is tried on its own day, and admitted with that", async () => {
    const fixture = sweBenchFixture();
    const { admit: run, options, phases } = admitting(fixture, { ...created, ...script(fixture, today) });
    const { admission } = await run();
    expect(admission).toMatchObject({ status: "admitted", clock, gold: { resolution: "full" } });
    expect(admission.reason).toMatch(/on 2019-03-10.*: dates break its tests today/);
    expect(phases).toEqual(["empty patch", "gold patch", `gold patch at ${clock}`, `empty patch at ${clock}`]);
    // Predictions are then judged on that day too.
    expect(admittedClock(options)).toBe(clock);
    expect((await run()).isStored).toBe(true);
  });

  it("that names its clock is tried on that day alone", async () => {
    const fixture = sweBenchFixture();
    const { admit: run, phases } = admitting(fixture, { clock, ...script(fixture, dated) });
    expect((await run()).admission).toMatchObject({ status: "admitted", clock });
    expect(phases).toEqual(["empty patch at " + clock, `gold patch at ${clock}`]);
  });

  it("is rejected where its own day does not help, and its day is not that of other verdicts", async () => {
    const fixture = sweBenchFixture();
    const { admit: run, options } = admitting(fixture, { ...created, ...script(fixture, broken) });
    expect((await run()).admission).toMatchObject({
      status: "rejected",
      clock: null,
      reason: expect.stringMatching(/nor on its own day \(2019-03-10T/) as string,
    });
    expect(admittedClock(options)).toBeNull();
  });
});
