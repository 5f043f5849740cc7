import { z } from "zod";
import { Timestamp, WorkerId } from "../domain/ids.ts";

/** What a rollout agent says of itself in the WORKERS bucket; the entry expires when it stops saying it. */
export const WorkerRecord = z.strictObject({
  v: z.literal(1),
  workerId: WorkerId,
  pool: z.string(),
  slots: z.int().positive(),
  host: z.string(),
  pid: z.int().positive(),
  state: z.enum(["running", "draining"]),
  startedAt: Timestamp,
});
export type WorkerRecord = z.infer<typeof WorkerRecord>;
