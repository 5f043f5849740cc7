// Tasks of the WebArena family as outcomes of a benchmark: by site, and by the template that they were made from.
import { requirementsOf } from "@hindcast/shared/node";
import { type BenchmarkScore, type Outcome, scoreOf } from "./benchmark-score.ts";
import type { WebTask } from "./web-plan.ts";
import type { WebTaskResult } from "./web-run.ts";

export function webOutcome(task: WebTask, isSuccess: boolean): Outcome {
  return {
    isSuccess,
    // A task on two sites is a place of its own: it would count twice otherwise.
    place: task.sites.toSorted().join(" "),
    template: String(task.intent_template_id),
    isJudgedByModel: requirementsOf(task).judge,
  };
}

/** What could not be tried or judged says nothing of the agent and does not count. */
export function scoreOfRun(tasks: readonly WebTask[], results: readonly WebTaskResult[]): BenchmarkScore {
  const byId = new Map(tasks.map((task) => [task.task_id, task]));
  return scoreOf(
    results.flatMap(({ taskId, status }) => {
      const task = byId.get(taskId);
      if (task === undefined || (status !== "success" && status !== "failure")) return [];
      return [webOutcome(task, status === "success")];
    }),
  );
}
