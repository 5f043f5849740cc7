// Tasks of WebArena-Verified (812) as its file holds them, and the file that names a subset of them.
import { z } from "zod";
import { VerifiedCheck, WebArenaSite, type WebArenaVerifiedReference } from "../../../domain/webarena-reference.ts";
import { fieldErrors, invalid, parseJson, readText } from "./task-file.ts";

export const VerifiedTask = z
  .strictObject({
    sites: z.array(WebArenaSite).min(1),
    task_id: z.int().nonnegative(),
    intent_template_id: z.int(),
    start_urls: z.array(z.string().min(1)).min(1),
    intent: z.string().min(1),
    intent_template: z.string().min(1),
    instantiation_dict: z.record(z.string(), z.json()),
    eval: z.array(VerifiedCheck).min(1),
    revision: z.int().min(1),
  })
  .refine(({ eval: checks }) => checks.some(({ evaluator }) => evaluator === "AgentResponseEvaluator"), {
    path: ["eval"],
    message: "must have an AgentResponseEvaluator, which says what type of task it is",
  });
export type VerifiedTask = z.infer<typeof VerifiedTask>;

const Subset = z.strictObject({
  description: z.string().nullable().optional(),
  task_ids: z.array(z.int().nonnegative()).min(1),
  checksum: z.string().optional(),
});

/** The numbers of the tasks of a subset, e.g. the hard ones. @throws HindcastError CONFIG_INVALID */
export async function readSubset(path: string): Promise<number[]> {
  const parsed = Subset.safeParse(parseJson(await readText(path), path));
  if (parsed.success) return parsed.data.task_ids;
  throw invalid(`${path} is no subset of tasks: ${fieldErrors(parsed.error)}`);
}

/** What the episode of a task is judged by. */
export function verifiedReference(task: VerifiedTask): WebArenaVerifiedReference {
  return {
    kind: "webarena-verified",
    taskId: task.task_id,
    templateId: task.intent_template_id,
    revision: task.revision,
    sites: task.sites,
    eval: task.eval,
  };
}

/** What WebArena-Verified asks its agents to stop with. */
const responseForm =
  'When you are done, stop with one line of JSON: {"task_type": "RETRIEVE" | "MUTATE" | "NAVIGATE", "status": "SUCCESS" | "NOT_FOUND_ERROR" | "ACTION_NOT_ALLOWED_ERROR" | "PERMISSION_DENIED_ERROR" | "DATA_VALIDATION_ERROR" | "UNKNOWN_ERROR", "retrieved_data": a list of what was asked for, or null, "error_details": null or a sentence}';

/** What is to be done, of what the agent was asked: the form of its answer is as long, and the same in all tasks. */
export function withoutResponseForm(instruction: string): string {
  return instruction.endsWith(responseForm) ? instruction.slice(0, -responseForm.length).trimEnd() : instruction;
}

/** What the agent is asked, and in which form to answer. */
export function verifiedInstruction({ intent }: Pick<VerifiedTask, "intent">): string {
  return `${intent}\n\n${responseForm}`;
}
