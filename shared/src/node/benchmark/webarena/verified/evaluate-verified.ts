// Judges an episode of WebArena-Verified from what it left behind: the agent's final response and the recorded network
// log. No page and no model is needed, so any episode can be judged again. The result has the form of the published
// evaluator's `eval_result.json`.
import type { Evaluation } from "../../../../domain/episode.ts";
import type { VerifiedCheck, WebArenaVerifiedReference } from "../../../../domain/webarena-reference.ts";
import { messageOf } from "../../../../errors.ts";
import { derender, type SiteUrls } from "../sites.ts";
import { judgeResponse } from "./agent-response.ts";
import type { Difference } from "./compare-values.ts";
import type { NetworkEvent, Recording } from "./har.ts";
import type { Json } from "./json-value.ts";
import { judgeEvents } from "./network-event-check.ts";
import { shownValue, type ReadValue } from "./read-values.ts";
import { sitesOfRecording } from "./recorded-sites.ts";
import { typeRegistry } from "./types/registry.ts";
import type { SiteFrame } from "./types/url-type.ts";

export interface VerifiedEvaluation {
  reference: WebArenaVerifiedReference;
  /** The final response: its text, or the JSON it is; null where there was none. */
  response: Json;
  /** Null where nothing was recorded: then requests cannot be judged. */
  events: readonly NetworkEvent[] | null;
  /** What the recording lacks. @default nothing */
  lacks?: Recording["lacks"];
  /** Sites that are missing are taken from the recording, as the published evaluator does. */
  sites: SiteUrls;
}

export interface CheckResult {
  evaluator_name: VerifiedCheck["evaluator"];
  status: "success" | "failure" | "error";
  score: 0 | 1;
  actual: Json;
  actual_normalized: Json;
  expected: Json;
  assertions: Difference[] | null;
  error_msg: string | null;
  should_not_exist: boolean | null;
}

export interface VerifiedResult {
  task_id: number;
  intent_template_id: number;
  sites: string[];
  task_revision: number;
  /** `error`: the task or the recording could not be judged; nothing is known of the agent's work. */
  status: "success" | "failure" | "error";
  score: 0 | 1;
  evaluators_results: CheckResult[];
}

export function evaluateVerified({
  reference,
  response,
  events,
  lacks = { exchanges: 0, bodies: false },
  sites,
}: VerifiedEvaluation): VerifiedResult {
  const frame: SiteFrame = { sites: reference.sites, urls: sitesOfRecording(reference.sites, sites, events ?? []) };
  const results = reference.eval.map((check) => resultOf(check, { reference, response, events, lacks, frame }));
  const failed = results.some(({ status }) => status === "failure");
  // What has failed for certain stays failed, whatever else could not be judged.
  const status = failed ? "failure" : results.some((result) => result.status === "error") ? "error" : "success";
  return {
    task_id: reference.taskId,
    intent_template_id: reference.templateId,
    sites: [...reference.sites],
    task_revision: reference.revision,
    status,
    score: status === "success" ? 1 : 0,
    evaluators_results: results,
  };
}

interface Given {
  reference: WebArenaVerifiedReference;
  response: Json;
  events: readonly NetworkEvent[] | null;
  lacks: Recording["lacks"];
  frame: SiteFrame;
}

function resultOf(check: VerifiedCheck, given: Given): CheckResult {
  const base = {
    evaluator_name: check.evaluator,
    actual: check.evaluator === "AgentResponseEvaluator" ? given.response : null,
    should_not_exist: check.evaluator === "NetworkEventEvaluator" ? check.should_not_exist : null,
  };
  try {
    const { expected, actual, differences } = judge(check, given);
    const isSuccess = differences.length === 0;
    return {
      ...base,
      status: isSuccess ? "success" : "failure",
      score: isSuccess ? 1 : 0,
      actual_normalized: shownValue(actual),
      expected: shownValue(expected),
      assertions: isSuccess ? null : differences,
      error_msg: null,
    };
  } catch (error) {
    return {
      ...base,
      status: "error",
      score: 0,
      actual_normalized: null,
      expected: null,
      assertions: null,
      error_msg: messageOf(error),
    };
  }
}

function judge(
  check: VerifiedCheck,
  { reference, response, events, lacks, frame }: Given,
): { expected: ReadValue; actual: ReadValue; differences: Difference[] } {
  const types = typeRegistry(frame);
  const taskType = taskTypeOf(reference);
  if (check.evaluator === "AgentResponseEvaluator") {
    return judgeResponse(check, response, {
      types,
      derender: (text) => derender(text, frame.sites, frame.urls) ?? text,
      isRetrieval: taskType === "retrieve",
    });
  }
  if (events === null) throw new Error("nothing was recorded of the network");
  // The exchange that decides may be among those that were lost, for the agent or against it.
  if (lacks.exchanges > 0) throw new Error(`${lacks.exchanges} exchanges are missing in the recording`);
  if (lacks.bodies && check.expected.response_content !== undefined) {
    throw new Error("the bodies of answers are left out of the recording");
  }
  return judgeEvents(check, events, { types, frame, isNavigation: taskType === "navigate" });
}

/** `retrieve`, `navigate` or `mutate`: the first response that is expected says so. */
function taskTypeOf({ eval: checks }: WebArenaVerifiedReference): string {
  for (const check of checks) {
    if (check.evaluator === "AgentResponseEvaluator") return check.expected.task_type.toLowerCase();
  }
  return "";
}

/** The result as an episode's evaluation. */
export function verifiedEvaluation({ status, score, evaluators_results: results }: VerifiedResult): Evaluation {
  const telling = results.find((result) => result.status === (status === "success" ? null : status));
  const detail = telling === undefined ? "every evaluator is content" : `${telling.evaluator_name}: ${whyOf(telling)}`;
  return {
    verdict: status === "error" ? "unknown" : status,
    evaluator: "webarena-verified",
    detail: detail.slice(0, 4_000),
    ...(status === "error" ? {} : { score }),
    components: results.map((result, index) => ({
      name: `${index + 1}: ${result.evaluator_name}`,
      score: result.score,
      detail: whyOf(result).slice(0, 1_000),
    })),
  };
}

function whyOf({ status, assertions, error_msg }: CheckResult): string {
  if (status === "success") return "it holds";
  if (status === "error") return `undecided: ${error_msg ?? "it could not be judged"}`;
  return (assertions ?? []).map((one) => `${one.assertion_name}: ${one.assertion_msgs.join(" ")}`).join("; ");
}
