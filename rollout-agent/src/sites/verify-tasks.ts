// Whether tasks can be done and tell doing from not doing: the right answer is shown where the solution says, the right
// doing passes the evaluators that judge agents, and doing nothing or claiming something else does not.
import { limits, messageOf } from "@hindcast/shared";
import {
  evaluateVerified,
  harText,
  readHar,
  type SiteUrls,
  startPages,
  verifiedReference,
} from "@hindcast/shared/node";
import { readableText, ReferenceVisitor } from "./reference-visitor.ts";
import type { MadeTask } from "./tasks/template.ts";

export interface TaskTrial {
  urls: SiteUrls;
  login: readonly { name: string; value: string }[];
}

/** @returns what is wrong with the task; null: nothing */
export async function problemOf(made: MadeTask, trial: TaskTrial): Promise<string | null> {
  try {
    const right = await play(made, trial);
    const claim = claimOf(made, true);
    const verdict = judged(made, trial, right, claim);
    if (verdict.status !== "success") return `the right doing is judged ${verdict.status}: ${verdict.detail}`;
    const idle = await playNothing(made, trial);
    const isRetrieval = made.task.eval.length === 1;
    const [visitor, what] = isRetrieval ? [right, "a wrong answer"] : [idle, "doing nothing"];
    const wrong = judged(made, trial, visitor, isRetrieval ? claimOf(made, false) : claim);
    return wrong.status === "failure" ? null : `${what} is judged ${wrong.status}`;
  } catch (error) {
    return messageOf(error);
  }
}

async function play({ task, solution }: MadeTask, { urls, login }: TaskTrial): Promise<ReferenceVisitor> {
  const visitor = new ReferenceVisitor(login);
  const place = startPages(task.start_urls[0] ?? "", urls)[0] ?? "";
  await visitor.open(`${place}/`);
  const page = await visitor.open(`${place}${solution.page}`);
  if (page.status >= 400) throw new Error(`${page.url} answers ${page.status}`);
  if (solution.form !== undefined) {
    const { action, ...form } = solution.form;
    await visitor.submit(page, action === undefined ? form : { ...form, action: `${place}${action}` });
    return visitor;
  }
  const shown = readableText(page.html).toLowerCase();
  const answers = expectedOf({ task })?.map(String) ?? [];
  const missing = (solution.shows ?? answers).filter((text) => !shown.includes(text.toLowerCase()));
  if (missing.length > 0) throw new Error(`${page.url} does not show ${missing.join(" or ")}`);
  return visitor;
}

async function playNothing({ task }: MadeTask, { urls, login }: TaskTrial): Promise<ReferenceVisitor> {
  const visitor = new ReferenceVisitor(login);
  for (const url of startPages(task.start_urls[0] ?? "", urls)) await visitor.open(`${url}/`);
  return visitor;
}

function expectedOf({ task }: Pick<MadeTask, "task">): unknown[] | null {
  const check = task.eval.find(({ evaluator }) => evaluator === "AgentResponseEvaluator");
  return check?.evaluator === "AgentResponseEvaluator" ? (check.expected.retrieved_data ?? null) : null;
}

function claimOf({ task }: MadeTask, isRight: boolean): string {
  const check = task.eval.find(({ evaluator }) => evaluator === "AgentResponseEvaluator");
  if (check?.evaluator !== "AgentResponseEvaluator") throw new Error("the task says not what to answer");
  const { task_type, status, retrieved_data = null } = check.expected;
  const wrong =
    retrieved_data?.map((value) => (typeof value === "number" ? value + 1 : `${JSON.stringify(value)} too`)) ?? null;
  return JSON.stringify({
    task_type,
    status: isRight ? status : "SUCCESS",
    retrieved_data: isRight ? retrieved_data : wrong,
    error_details: null,
  });
}

function judged(
  { task }: MadeTask,
  { urls }: TaskTrial,
  { exchanges }: ReferenceVisitor,
  response: string,
): { status: string; detail: string } {
  const har = Buffer.from(harText(exchanges, limits.browserHarCharsMax, 0));
  const { events, lacks } = readHar(har, "network.har");
  const result = evaluateVerified({ reference: verifiedReference(task), response, sites: urls, events, lacks });
  const assertions = result.evaluators_results.flatMap((one) => [
    ...(one.assertions ?? []).map((difference) => JSON.stringify(difference)),
    ...(one.error_msg === null ? [] : [one.error_msg]),
  ]);
  return { status: result.status, detail: assertions.join("; ").slice(0, 1_000) };
}
