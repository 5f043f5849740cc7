// Tasks of WebArena (812), WebArena-Lite (165) and VisualWebArena (910) as their files hold them.
import { z } from "zod";
import { WebArenaEval, WebArenaSite, type WebArenaReference } from "../../../domain/webarena-reference.ts";

const difficulty = z.string().max(100);

export const WebArenaTask = z.strictObject({
  sites: z.array(WebArenaSite).min(1),
  task_id: z.int().nonnegative(),
  require_login: z.boolean(),
  storage_state: z.string().nullable(),
  start_url: z.string().min(1),
  geolocation: z.unknown().nullable(),
  intent_template: z.string(),
  intent_template_id: z.int(),
  instantiation_dict: z.record(z.string(), z.json()),
  intent: z.string().min(1),
  require_reset: z.boolean(),
  eval: WebArenaEval,
  /** WebArena-Lite: the number of the task in WebArena. */
  old_task_id: z.int().nonnegative().optional(),
  /** Beside `eval` in one task of WebArena, where it has no effect. */
  string_note: z.string().optional(),
  // VisualWebArena's own:
  image: z
    .union([z.string(), z.array(z.string())])
    .nullable()
    .optional(),
  viewport_size: z.record(z.string(), z.number()).optional(),
  reference_url: z.string().optional(),
  comments: z.string().optional(),
  reasoning_difficulty: difficulty.optional(),
  visual_difficulty: difficulty.optional(),
  overall_difficulty: difficulty.optional(),
});
export type WebArenaTask = z.infer<typeof WebArenaTask>;

/** What the episode of a task is judged by. */
export function webArenaReference(task: WebArenaTask, judge?: string): WebArenaReference {
  return {
    kind: "webarena",
    taskId: task.task_id,
    intent: task.intent,
    sites: task.sites,
    variant: isVisual(task) ? "visualwebarena" : "webarena",
    eval: task.eval,
    ...(judge === undefined ? {} : { judge }),
  };
}

/** VisualWebArena's tasks say how hard they are to see; no other file's do. */
export function isVisual(task: WebArenaTask): boolean {
  return task.visual_difficulty !== undefined;
}
