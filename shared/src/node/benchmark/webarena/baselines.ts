// What doing nothing would score. A score is only worth what it is above these: 36 of WebArena's 812 tasks pass for an
// agent that always says N/A, and they are printed beside every score.
import type { Evaluation } from "../../../domain/episode.ts";
import { noJudge } from "./fuzzy-judge.ts";
import { evaluateWebArena } from "./evaluate-webarena.ts";
import type { SiteUrls } from "./sites.ts";
import { evaluateVerified, verifiedEvaluation } from "./verified/evaluate-verified.ts";
import type { Json } from "./verified/json-value.ts";
import { verifiedReference, type VerifiedTask } from "./verified-task.ts";
import { webArenaReference, type WebArenaTask } from "./webarena-task.ts";

export interface Baseline {
  name: string;
  tasks: number;
  passed: number;
  /** Tasks that cannot be judged without a page or a model. */
  undecided: number;
}

/** Answers of agents that do nothing, on tasks of WebArena's kind: judged without a page and without a model. */
export async function webArenaBaselines(tasks: readonly WebArenaTask[], sites: SiteUrls): Promise<Baseline[]> {
  const never = new AbortController().signal;
  const answers = { "always N/A": "N/A", "empty answer": "", "always FAIL": "FAIL" };
  return await Promise.all(
    Object.entries(answers).map(async ([name, answer]) => {
      const evaluations = await Promise.all(
        tasks.map((task) =>
          evaluateWebArena({ reference: webArenaReference(task), answer, page: null, sites, judge: noJudge }, never),
        ),
      );
      return baselineOf(name, evaluations);
    }),
  );
}

/** Final responses of agents that do nothing, with an empty network log. */
export function verifiedBaselines(tasks: readonly VerifiedTask[], sites: SiteUrls): Baseline[] {
  const response = (taskType: string, status: string): Json => ({
    task_type: taskType,
    status,
    retrieved_data: null,
    error_details: null,
  });
  const responses: Record<string, Json> = {
    "always N/A": response("RETRIEVE", "NOT_FOUND_ERROR"),
    "no response": null,
    "always FAIL": response("MUTATE", "UNKNOWN_ERROR"),
    "claims success": response("MUTATE", "SUCCESS"),
  };
  return Object.entries(responses).map(([name, given]) =>
    baselineOf(
      name,
      tasks.map((task) =>
        verifiedEvaluation(
          evaluateVerified({ reference: verifiedReference(task), response: given, events: [], sites }),
        ),
      ),
    ),
  );
}

function baselineOf(name: string, evaluations: readonly Evaluation[]): Baseline {
  const count = (verdict: Evaluation["verdict"]): number =>
    evaluations.filter((evaluation) => evaluation.verdict === verdict).length;
  return { name, tasks: evaluations.length, passed: count("success"), undecided: count("unknown") };
}
