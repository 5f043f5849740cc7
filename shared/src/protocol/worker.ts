import { z } from "zod";
import { Timestamp, WorkerId } from "../domain/ids.ts";
import { limits } from "../limits.ts";

/** What a rollout agent says of itself in the WORKERS bucket; the entry expires when it stops saying it. */
export const WorkerRecord = z.strictObject({
  v: z.literal(1),
  workerId: WorkerId,
  pool: z.string(),
  slots: z.int().positive(),
  host: z.string(),
  pid: z.int().positive(),
  /** `draining`: takes no more and finishes steps; `cordoned`: has handed back all it had and waits to be resumed. */
  state: z.enum(["running", "draining", "cordoned"]),
  startedAt: Timestamp,
});
export type WorkerRecord = z.infer<typeof WorkerRecord>;

/** What a coordinator asks of one agent. Each is idempotent; the answer says what the agent was and is. */
export const WorkerCommand = z.discriminatedUnion("kind", [
  z.strictObject({ v: z.literal(1), kind: z.literal("worker.drain") }),
  z.strictObject({ v: z.literal(1), kind: z.literal("worker.resume") }),
  z.strictObject({
    v: z.literal(1),
    kind: z.literal("worker.retune"),
    slots: z.int().positive().max(limits.slotsPerWorkerMax),
  }),
]);
export type WorkerCommand = z.infer<typeof WorkerCommand>;

export const WorkerReply = z.strictObject({
  v: z.literal(1),
  kind: z.literal("worker"),
  before: WorkerRecord,
  after: WorkerRecord,
});
export type WorkerReply = z.infer<typeof WorkerReply>;
