import type { InstanceAdmission, PatchVerdict, VerificationEvent } from "@hindcast/shared/node";
import { type BenchmarkScore, scoreOf } from "../bench/benchmark-score.ts";
import type { Terminal } from "./terminal.ts";

export type AdmissionEvent = Extract<VerificationEvent, { event: "admission" }>;
export type EvaluationEvent = Extract<VerificationEvent, { event: "evaluation" }>;

const fraction = (count: { passed: number; total: number } | undefined): string =>
  count === undefined ? "" : `${count.passed}/${count.total}`;

/** How many of the tests passed before and after the gold patch, and what follows from it. */
export function admissionTable(terminal: Terminal, events: readonly AdmissionEvent[]): string {
  const { paint } = terminal.pen;
  const colour = { admitted: paint.green, rejected: paint.red, unavailable: paint.yellow };
  const change = (empty: PatchVerdict | null, gold: PatchVerdict | null, of: "failToPass" | "passToPass"): string =>
    gold === null ? "" : `${fraction(empty?.[of])} > ${fraction(gold[of])}`;
  const count = (status: keyof typeof colour): number =>
    events.filter(({ admission }) => admission.status === status).length;
  return terminal.table(
    [
      { header: "instance" },
      { header: "verdict" },
      { header: "F2P", align: "right" },
      { header: "P2P", align: "right" },
      { header: "time", align: "right" },
      { header: "why", isFlexible: true },
    ],
    events
      .toSorted((a, b) => (a.admission.instanceId < b.admission.instanceId ? -1 : 1))
      .map(({ admission, isStored }) => [
        admission.instanceId,
        colour[admission.status](admission.status),
        change(admission.empty, admission.gold, "failToPass"),
        change(admission.empty, admission.gold, "passToPass"),
        isStored ? "stored" : `${admission.seconds.toFixed(1)} s`,
        admissionRemark(admission),
      ]),
    [
      [
        `${events.length} instances`,
        `${count("admitted")} admitted`,
        "",
        "",
        "",
        `${count("rejected")} rejected, ${count("unavailable")} unavailable`,
      ],
    ],
  );
}

/** Why not; or what is unusual about the way in which it was admitted. */
function admissionRemark({ status, reason, clock, pinnedFor }: InstanceAdmission): string {
  if (status !== "admitted") return reason;
  const remarks = [
    clock === null ? [] : `on ${clock.slice(0, 10)}`,
    pinnedFor === null ? [] : `in the environment of ${pinnedFor}`,
  ];
  return remarks.flat().join(", ");
}

export function evaluationTable(terminal: Terminal, events: readonly EvaluationEvent[]): string {
  const { paint } = terminal.pen;
  const colour = { full: paint.green, partial: paint.yellow, no: paint.red };
  const names = { full: "resolved", partial: "partial", no: "no" };
  const resolved = events.filter(({ verdict }) => verdict?.resolution === "full").length;
  return terminal.table(
    [
      { header: "instance" },
      { header: "resolved" },
      { header: "F2P", align: "right" },
      { header: "P2P", align: "right" },
      { header: "why", isFlexible: true },
    ],
    events
      .toSorted((a, b) => (a.instanceId < b.instanceId ? -1 : 1))
      .map(({ instanceId, verdict, problem }) => [
        instanceId,
        verdict === null ? paint.yellow("unavailable") : colour[verdict.resolution](names[verdict.resolution]),
        fraction(verdict?.failToPass),
        fraction(verdict?.passToPass),
        problem ?? whyOf(verdict),
      ]),
    [[`${events.length} predictions`, `${resolved} resolved`, "", "", ""]],
  );
}

/** By repository. What this machine could not judge says nothing of the patch and does not count. */
export function evaluationScore(events: readonly EvaluationEvent[]): BenchmarkScore {
  return scoreOf(
    events.flatMap(({ instanceId, verdict }) => {
      // As in an episode: tests that the machine kept from running judge no patch.
      const isUndecided = verdict?.problem != null && verdict.infrastructure?.tier === "environment";
      if (verdict === null || isUndecided) return [];
      // SWE-bench's ids are `<owner>__<repository>-<number>`.
      const place = instanceId.replace(/-[^-]*$/, "").replace("__", "/");
      return [{ isSuccess: verdict.resolution === "full", place, template: null, isJudgedByModel: false }];
    }),
  );
}

function whyOf(verdict: PatchVerdict | null): string {
  if (verdict === null) return "";
  const forged = verdict.isForged ? ["printed the evaluator's marks"] : [];
  const fails =
    verdict.resolution === "full" ? [] : [verdict.problem ?? `fails ${verdict.failed.slice(0, 3).join(", ")}`];
  return [...forged, ...fails].join("; ");
}
