// Whether the tests that an instance names went as it asks (benchmarks.md §1.3, 4 and 5).
import type { EvalType } from "./instance.ts";
import { isPassing, type TestStatuses } from "./test-status.ts";

export interface ExpectedTests {
  failToPass: readonly string[];
  passToPass: readonly string[];
  evalType: EvalType;
}

export interface TestGroup {
  passed: string[];
  failed: string[];
}

export interface InstanceGrade {
  /** `full` is a resolved instance: every test of both groups passed. `partial`: some of the first, all of the second. */
  resolution: "full" | "partial" | "no";
  failToPass: TestGroup;
  passToPass: TestGroup;
}

/** Pure. A test that the log does not name has failed, save under `fail_only`. */
export function gradeInstance(expected: ExpectedTests, statuses: TestStatuses): InstanceGrade {
  const statusOf = statusLookup(statuses);
  const isFailOnly = expected.evalType === "fail_only";
  const failToPass = split(expected.failToPass, (test) =>
    isFailOnly ? statuses.get(test) !== "FAILED" : isPassing(statusOf(test)),
  );
  const passToPass = split(expected.passToPass, (test) => {
    if (isFailOnly) return statuses.get(test) !== "FAILED";
    const status = statusOf(test);
    // A test that is skipped now is no regression.
    return isPassing(status) || status === "SKIPPED";
  });
  return { resolution: resolutionOf(failToPass, passToPass), failToPass, passToPass };
}

function resolutionOf(failToPass: TestGroup, passToPass: TestGroup): InstanceGrade["resolution"] {
  if (passToPass.failed.length > 0) return "no";
  if (failToPass.failed.length === 0) return "full";
  return failToPass.passed.length > 0 ? "partial" : "no";
}

function split(tests: readonly string[], isGood: (test: string) => boolean): TestGroup {
  const group: TestGroup = { passed: [], failed: [] };
  for (const test of tests) (isGood(test) ? group.passed : group.failed).push(test);
  return group;
}

/**
 * 676 ids of Verified are cut within a parameter: such an id (more brackets opened than closed) stands for the ids that
 * begin with it, where those agree. Any other id is itself or nothing.
 */
function statusLookup(statuses: TestStatuses): (test: string) => string | undefined {
  return (test) => {
    if (statuses.has(test) || count(test, "[") <= count(test, "]")) return statuses.get(test);
    const candidates = [...statuses].filter(([id]) => id.startsWith(test));
    // A skipped test is no regression and a failed one is: the two do not agree.
    const outcomes = new Set(candidates.map(([, status]) => (status === "SKIPPED" ? status : isPassing(status))));
    return outcomes.size === 1 ? candidates[0]?.[1] : undefined;
  };
}

function count(text: string, character: string): number {
  return text.split(character).length - 1;
}
