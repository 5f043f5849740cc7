// Requirements: 6.9.forgery
import type { PatchVerdict } from "@hindcast/shared/node";
import { expect, it } from "vitest";
import { type EvaluationEvent, evaluationTable } from "./bench-swe-bench-table.ts";
import { Terminal } from "./terminal.ts";

function anEvaluation(instanceId: string, verdict: Partial<PatchVerdict>): EvaluationEvent {
  const count = { passed: 1, total: 1 };
  const common = { problem: null, failed: [], infrastructure: null, seconds: 1, failToPass: count, passToPass: count };
  const patch = { isApplied: true, how: "git apply" };
  const whole = { ...common, patch, resolution: "full", isForged: false, ...verdict } as const;
  return { event: "evaluation", instanceId, problem: null, verdict: whole } as EvaluationEvent;
}

it("tells of forged marks beside whatever was concluded, a full resolution too", () => {
  const terminal = new Terminal({ isJson: false, env: { NO_COLOR: "1" } });
  const table = evaluationTable(terminal, [
    anEvaluation("a-clean", {}),
    anEvaluation("b-forged", { isForged: true }),
    anEvaluation("c-failed", { isForged: true, resolution: "no", failed: ["test_one"] }),
  ]);
  const lineOf = (id: string): string => table.split("\n").find((line) => line.includes(id)) ?? "";
  expect(lineOf("a-clean")).not.toContain("marks");
  expect(lineOf("b-forged")).toMatch(/resolved .* printed the evaluator's marks\s*$/);
  expect(lineOf("c-failed")).toMatch(/no .* printed the evaluator's marks; fails test_one\s*$/);
});
