// Requirements: 6.9.loader, 6.9.dependencies, 6.9.built
// The official files as they are, where this machine has them.
import { readFileSync } from "node:fs";
import { gunzipSync } from "node:zlib";
import { join } from "node:path";
import { EnvironmentSpec, limits, type SweBenchReference, TaskReference } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import {
  compileOnly,
  fitEvalScript,
  readEnvironmentPins,
  readSweBenchInstances,
  sweBenchReference,
  sweBenchSpec,
  instanceRequirements,
  judgedByReference,
  judgedInstance,
} from "../../shared/src/node/benchmark/swe-bench/index.ts";
import { curesOf } from "../../rollout-agent/src/environment/swe-bench/cures.ts";
import { benchmarkData } from "../support/benchmark-data.ts";

const data = benchmarkData("swe-bench");

describe.skipIf(data === null)(
  `SWE-bench's files${data === null ? " (shared/data/swe-bench is not here)" : ""}`,
  () => {
    const file = (name: string): string => join(data ?? "", name);

    it.each([
      ["verified", 500],
      ["lite", 300],
      ["lite-dev", 23],
      ["multilingual", 300],
    ])("%s: all %i instances are read, and their scripts can be taken apart", async (name, count) => {
      const instances = await readSweBenchInstances(file(`${name}.jsonl.gz`));
      expect(instances).toHaveLength(count);
      for (const { instance_id: id, eval_script: script, test_patch: testPatch } of instances) {
        const parts = fitEvalScript(script);
        expect({ id, test: parts?.test.trim() }).not.toEqual({ id, test: "" });
        expect(parts?.test).not.toMatch(/conda|^tox /);
        expect(`${parts?.prepare}${parts?.test}`).not.toMatch(/miniconda3|locale-gen|git config --global/);
        // The patch inside the script is untouched.
        expect(parts?.prepare).toContain(testPatch.trimEnd());
      }
    });

    it("Verified needs 61 environments (62 by conda's names), and the commonest twenty serve 432 instances", async () => {
      const environments = await readEnvironmentPins(file("verified-env-pins.jsonl.gz"));
      const instances = await readSweBenchInstances(file("verified.jsonl.gz"));
      const counts = new Map<string, number>();
      for (const instance of instances) {
        const { environment } = instanceRequirements(instance, environments);
        expect(environment).not.toBeNull();
        counts.set(environment?.key ?? "", (counts.get(environment?.key ?? "") ?? 0) + 1);
      }
      const descending = [...counts.values()].toSorted((a, b) => b - a);
      expect(descending).toHaveLength(61);
      expect(descending.slice(0, 20).reduce((sum, count) => sum + count)).toBe(432);
    });

    it("Lite's instances have Verified's environments of their versions", async () => {
      const environments = await readEnvironmentPins(file("verified-env-pins.jsonl.gz"));
      const found = { own: 0, shared: 0, none: 0 };
      for (const instance of await readSweBenchInstances(file("lite.jsonl.gz"))) {
        const { pinnedFor } = instanceRequirements(instance, environments);
        found[pinnedFor === null ? "none" : pinnedFor === instance.instance_id ? "own" : "shared"] += 1;
      }
      expect(found).toEqual({ own: 93, shared: 193, none: 14 });
    });

    it("Multilingual's instances name who fetches their dependencies, and a compiler keeps what it compiled", async () => {
      const counts = new Map<string, number>();
      for (const instance of await readSweBenchInstances(file("multilingual.jsonl.gz"))) {
        const { dependencies } = sweBenchSpec(instanceRequirements(instance));
        counts.set(dependencies ?? "none", (counts.get(dependencies ?? "none") ?? 0) + 1);
        const test = fitEvalScript(instance.eval_script)?.test ?? "";
        expect({ id: instance.instance_id, isKept: compileOnly(test) !== null }).toEqual({
          id: instance.instance_id,
          isKept: dependencies === "cargo" || dependencies === "go",
        });
        expect(test).not.toMatch(/mvnd|mvnw/);
      }
      // "none": C and C++, which name nothing.
      const fetched = { cargo: 43, go: 42, npm: 43, maven: 16 };
      expect(Object.fromEntries(counts)).toEqual({
        ...fetched,
        composer: 43,
        bundler: 44,
        ant: 17,
        gradle: 10,
        none: 42,
      });
    });

    it("the projects of Verified and Lite that compile are built by the line that their scripts have", async () => {
      for (const name of ["verified", "lite"]) {
        for (const { repo, eval_script: script } of await readSweBenchInstances(file(`${name}.jsonl.gz`))) {
          const { build } = curesOf(repo);
          if (build !== null) expect(script.split("\n")).toContain(build);
        }
      }
    });

    it("each instance of Verified makes a task that is one message, and whose world tells nothing of its tests", async () => {
      const environments = await readEnvironmentPins(file("verified-env-pins.jsonl.gz"));
      for (const instance of await readSweBenchInstances(file("verified.jsonl.gz"))) {
        const spec = EnvironmentSpec.parse(sweBenchSpec(instanceRequirements(instance, environments)));
        const reference = TaskReference.parse(sweBenchReference(instance));
        expect(judgedByReference(reference as SweBenchReference)).toEqual(judgedInstance(instance));
        expect(JSON.stringify(spec)).not.toMatch(/patch|PASS|test_/);
        expect({ id: instance.instance_id, bytes: Buffer.byteLength(JSON.stringify({ spec, reference })) }).toSatisfy(
          ({ bytes }: { bytes: number }) => bytes < limits.messageBytesMax,
        );
      }
    });

    it("no id of Verified is changed by reading", async () => {
      const rows = gunzipSync(readFileSync(file("verified.jsonl.gz")))
        .toString()
        .trim()
        .split("\n")
        .map((line) => JSON.parse(line) as { FAIL_TO_PASS: string[]; PASS_TO_PASS: string[] });
      const instances = await readSweBenchInstances(file("verified.jsonl.gz"));
      expect(instances.map(({ FAIL_TO_PASS, PASS_TO_PASS }) => ({ FAIL_TO_PASS, PASS_TO_PASS }))).toEqual(
        rows.map(({ FAIL_TO_PASS, PASS_TO_PASS }) => ({ FAIL_TO_PASS, PASS_TO_PASS })),
      );
    });
  },
);
