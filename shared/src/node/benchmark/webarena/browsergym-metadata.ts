// What BrowserGym adds to WebArena's tasks: which split a task is in (by template, so that no template is in both) and
// which tasks must have run before it, because tasks change the sites that others read.
import { z } from "zod";
import { WebArenaSite } from "../../../domain/webarena-reference.ts";
import { fieldErrors, invalid, readText } from "./task-file.ts";

const spaced = z.string().transform((text) => text.split(" ").filter((part) => part !== ""));

const Row = z.strictObject({
  task_name: z.string().regex(/^webarena\.\d+$/),
  requires_reset: z.enum(["True", "False"]).transform((text) => text === "True"),
  sites: spaced.pipe(z.array(WebArenaSite).min(1)),
  eval_types: spaced,
  task_id: z.string().regex(/^\d+$/).transform(Number),
  browsergym_split: z.enum(["train", "test"]),
  depends_on: spaced.pipe(
    z.array(
      z
        .string()
        .regex(/^webarena\.\d+$/)
        .transform((name) => Number(name.slice("webarena.".length))),
    ),
  ),
});

export interface TaskMetadata {
  taskId: number;
  sites: WebArenaSite[];
  split: "train" | "test";
  /** Numbers of the tasks that must have run before. */
  dependsOn: number[];
  requiresReset: boolean;
}

/** @throws HindcastError CONFIG_INVALID with the file, the line and the column */
export async function readBrowserGymMetadata(path: string): Promise<TaskMetadata[]> {
  return parseBrowserGymMetadata(await readText(path), path);
}

export function parseBrowserGymMetadata(text: string, file: string): TaskMetadata[] {
  const [header = "", ...lines] = text.split(/\r?\n/);
  const columns = header.split(",");
  return lines.flatMap((line, index) => {
    if (line.trim() === "") return [];
    const cells = line.split(",");
    const place = `${file}, line ${index + 2}`;
    if (cells.length !== columns.length) {
      throw invalid(`${place}: ${cells.length} cells under ${columns.length} headers`);
    }
    const parsed = Row.safeParse(Object.fromEntries(columns.map((column, at) => [column, cells[at]])));
    if (!parsed.success) throw invalid(`${place}: ${fieldErrors(parsed.error)}`);
    const { task_id, sites, browsergym_split, depends_on, requires_reset } = parsed.data;
    return [{ taskId: task_id, sites, split: browsergym_split, dependsOn: depends_on, requiresReset: requires_reset }];
  });
}
