// Reads any task file of the family: WebArena-Verified's tasks have `start_urls`, all others one `start_url`.
import { invalid, parseTasks, readText } from "./task-file.ts";
import { VerifiedTask } from "./verified-task.ts";
import { WebArenaTask } from "./webarena-task.ts";

export type AnyWebArenaTask =
  | { benchmark: "webarena"; tasks: WebArenaTask[] }
  | { benchmark: "webarena-verified"; tasks: VerifiedTask[] };

/** @throws HindcastError CONFIG_INVALID naming the file, the task and the field */
export async function readWebArenaTasks(path: string): Promise<AnyWebArenaTask> {
  const text = await readText(path);
  const read: AnyWebArenaTask = /"start_urls"\s*:/.test(text.slice(0, 20_000))
    ? { benchmark: "webarena-verified", tasks: parseTasks(text, VerifiedTask, path) }
    : { benchmark: "webarena", tasks: parseTasks(text, WebArenaTask, path) };
  const seen = new Set<number>();
  for (const { task_id: id } of read.tasks) {
    if (seen.has(id)) throw invalid(`${path} has two tasks of number ${id}`);
    seen.add(id);
  }
  return read;
}
