// Requirements: 6.9.admission
// A run over many instances: what hits one of them is that one's affair, what hits all of them ends the run.
import { homedir } from "node:os";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { HindcastError } from "@hindcast/shared";
import type { VerificationEvent, VerificationRequest } from "@hindcast/shared/node";
import { runVerification } from "../../rollout-agent/src/environment/swe-bench/verification.ts";
import type { SandboxProvider } from "../../rollout-agent/src/sandbox/sandbox.ts";
import {
  evalScript,
  fixtureCache,
  fixturePython,
  sweBenchFixture,
  type SweBenchFixture,
} from "../support/swe-bench-fixture.ts";
import { never, provider } from "./sandbox-fixture.ts";

function requestFor(fixture: SweBenchFixture, instances: readonly Record<string, unknown>[]): VerificationRequest {
  return {
    verb: "verify",
    instances: fixture.data(instances),
    ids: [],
    pins: join(fixture.folder, "pins.jsonl"),
    predictions: null,
    parallel: 1,
    isRepeated: false,
    repositories: [fixture.repositories],
    pyenvRoots: [join(homedir(), ".pyenv")],
    cache: fixtureCache,
    cacheBytesMax: 1e10,
    timeoutMs: 60_000,
    memoryBytesMax: 2 ** 31,
    diskBytesMax: 2 ** 28,
    processesMax: 256,
  };
}

/** @param failures codes with which the first opens fail */
function failingFirst(...failures: ("SANDBOX_LOST" | "SANDBOX_UNAVAILABLE")[]): SandboxProvider {
  return {
    name: provider.name,
    problems: () => provider.problems(),
    open: (options, signal) => {
      const code = failures.shift();
      if (code === undefined) return provider.open(options, signal);
      return Promise.reject(new HindcastError({ code, boundary: "sandbox", message: "gone" }));
    },
  };
}

async function admissions(sandboxes: SandboxProvider, request: VerificationRequest): Promise<[string, string][]> {
  const events: VerificationEvent[] = [];
  const searchPath = process.env["PATH"] ?? "";
  await runVerification({ request, sandboxes, searchPath, onEvent: (event) => events.push(event) }, never);
  return events.flatMap((each) =>
    each.event === "admission" ? [[each.admission.instanceId, each.admission.status] as [string, string]] : [],
  );
}

describe.skipIf(fixturePython === null)("a run over many instances", () => {
  it("goes on when a sandbox dies under one of them", async () => {
    const fixture = sweBenchFixture();
    // Of this test's own, so that no verdict is stored yet.
    const own = `demo__lost-${process.pid}`;
    const instances = ["a", "b"].map((name) => fixture.instance({ instance_id: `${own}-${name}` }));
    const request = requestFor(fixture, instances);
    expect(await admissions(failingFirst("SANDBOX_LOST"), request)).toEqual([
      [`${own}-a`, "unavailable"],
      [`${own}-b`, "admitted"],
    ]);
  });

  it("ends for all workers when it cannot go on for one", async () => {
    const fixture = sweBenchFixture();
    const instances = ["a", "b", "c", "d"].map((name) => fixture.instance({ instance_id: `demo__none-${name}` }));
    const request = { ...requestFor(fixture, instances), parallel: 2 };
    const none = failingFirst(...instances.flatMap(() => ["SANDBOX_UNAVAILABLE", "SANDBOX_UNAVAILABLE"] as const));
    await expect(admissions(none, request)).rejects.toMatchObject({ code: "SANDBOX_UNAVAILABLE" });
  });

  it("stores no verdict of tests that came to no end: other limits may let them", async () => {
    const fixture = sweBenchFixture();
    const slow = evalScript(fixture.commits.base, fixture.testPatch, "sleep 4; python -m unittest -v tests.test_calc");
    const id = `demo__slow-${process.pid}`;
    const request = requestFor(fixture, [fixture.instance({ instance_id: id, eval_script: slow })]);
    expect(await admissions(provider, { ...request, timeoutMs: 2_000 })).toEqual([[id, "rejected"]]);
    expect(await admissions(provider, request)).toEqual([[id, "admitted"]]);
  });
});
