// Reads task files as they are published: one JSON array of tasks. What does not fit is an error that names the file, the
// task's place in it and the field, because a benchmark that is read wrongly is measured wrongly.
import { readFile, stat } from "node:fs/promises";
import type { z } from "zod";
import { HindcastError, messageOf } from "../../../errors.ts";
import { limits } from "../../../limits.ts";

/**
 * The tasks of a file, whose name errors give.
 * @throws HindcastError CONFIG_INVALID: not JSON, not an array, or a task that does not fit
 */
export function parseTasks<T>(text: string, schema: z.ZodType<T>, file: string): T[] {
  const value = parseJson(text, file);
  if (!Array.isArray(value)) throw invalid(`${file} holds no JSON array of tasks`);
  if (value.length > limits.webArenaTasksMax) {
    throw invalid(`${file} holds ${value.length} tasks; at most ${limits.webArenaTasksMax} are read`);
  }
  return value.map((task: unknown, index) => {
    const parsed = schema.safeParse(task);
    if (parsed.success) return parsed.data;
    throw invalid(`${file}, task at index ${index}${idOf(task)}: ${fieldErrors(parsed.error)}`);
  });
}

/** @throws HindcastError CONFIG_INVALID */
export async function readText(path: string): Promise<string> {
  try {
    const { size } = await stat(path);
    if (size > limits.webArenaFileBytesMax) {
      throw invalid(`${path} has ${size} bytes; at most ${limits.webArenaFileBytesMax} are read`);
    }
    return await readFile(path, "utf8");
  } catch (error) {
    if (error instanceof HindcastError) throw error;
    throw invalid(`${path} cannot be read: ${messageOf(error)}`, error);
  }
}

/** @throws HindcastError CONFIG_INVALID */
export function parseJson(text: string, file: string): unknown {
  try {
    return JSON.parse(text);
  } catch (error) {
    throw invalid(`${file} is not JSON: ${messageOf(error)}`, error);
  }
}

export function invalid(message: string, cause?: unknown): HindcastError {
  return new HindcastError({
    code: "CONFIG_INVALID",
    boundary: "config",
    message: message.slice(0, 4_000),
    ...(cause === undefined ? {} : { cause }),
  });
}

/** Every complaint with its field, the first few in full. */
export function fieldErrors(error: z.ZodError): string {
  const shown = error.issues.slice(0, 5).map(({ path, message }) => `${fieldName(path)}: ${message}`);
  const more = error.issues.length - shown.length;
  return shown.join("; ") + (more > 0 ? `; and ${more} more` : "");
}

function fieldName(path: readonly PropertyKey[]): string {
  return path.length === 0 ? "the task" : path.map(String).join(".");
}

function idOf(task: unknown): string {
  const id = typeof task === "object" && task !== null && "task_id" in task ? task.task_id : null;
  return typeof id === "number" || typeof id === "string" ? ` (task_id ${id})` : "";
}
