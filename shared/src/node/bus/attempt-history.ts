// What is known of the attempts at a task: who held it when, and how each ended. Kept with a dead letter, because its
// trajectory records may be gone by the time that somebody looks.
import { z } from "zod";
import { limits } from "../../limits.ts";
import { decode } from "../../protocol/envelope.ts";
import { streams, subjects } from "../../protocol/subjects.ts";
import { Task } from "../../protocol/task.ts";
import { TrajectoryRecord } from "../../protocol/trajectory-record.ts";
import type { Connection } from "./connection.ts";
import { readAll } from "./stored.ts";

const errorCharsMax = 200;

/** `error` null: it ended without a word, because its worker died, was stopped or lost its lease. */
export const PastAttempt = z.strictObject({
  attempt: z.int().positive(),
  delivery: z.int().positive(),
  workerId: z.string(),
  at: z.string(),
  error: z.strictObject({ code: z.string(), message: z.string() }).nullable(),
});
export type PastAttempt = z.infer<typeof PastAttempt>;

/** The newest `limits.deadLetterHistoryMax` attempts, oldest first; none of what is no episode's task. */
export async function attemptHistory(connection: Connection, payload: Uint8Array): Promise<PastAttempt[]> {
  const task = readable(Task, payload);
  // Stages leave no records of their attempts.
  if (task === null || !("episodeId" in task)) return [];
  const attempts = new Map<string, PastAttempt>();
  const filter = subjects.trajectoriesOfEpisode(task.campaignId, task.episodeId);
  for await (const { bytes } of readAll(connection, streams.trajectories, filter)) {
    const record = readable(TrajectoryRecord, bytes);
    if (record?.taskId !== task.taskId) continue;
    if (record.kind !== "attempt.begun" && record.kind !== "attempt.failed") continue;
    const { attempt, delivery, workerId, fencingToken } = record;
    const key = `${attempt}:${fencingToken}`;
    const known = attempts.get(key) ?? { attempt, delivery, workerId, at: record.recordedAt, error: null };
    const { code, message } = record.kind === "attempt.failed" ? record.error : { code: null, message: "" };
    attempts.set(key, code === null ? known : { ...known, error: { code, message: message.slice(0, errorCharsMax) } });
  }
  return [...attempts.values()].slice(-limits.deadLetterHistoryMax);
}

/** One line of ASCII, as a header's value has to be. */
export function toHeaderLine(attempt: PastAttempt): string {
  return JSON.stringify(attempt).replaceAll(
    /[^\u0020-\u007e]/g,
    (unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

/** Lines that cannot be read are left out: a history is for people, and must not hide the letter. */
export function fromHeaderLines(lines: readonly string[]): PastAttempt[] {
  return lines.flatMap((line) => {
    try {
      return [PastAttempt.parse(JSON.parse(line))];
    } catch {
      return [];
    }
  });
}

function readable<S extends z.ZodType>(schema: S, bytes: Uint8Array): z.output<S> | null {
  try {
    return decode(schema, bytes);
  } catch {
    // Reported where it is worked on; a history is made of what can be read.
    return null;
  }
}
