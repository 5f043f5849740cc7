import { z } from "zod";
import { WorkerId } from "../domain/ids.ts";
import { TaskResult } from "./result.ts";

/** The value of a lease's key. Once `closed`, the result is decided and nobody works on it any more (ADR-0024). */
export const LeaseRecord = z.strictObject({
  v: z.literal(1),
  workerId: WorkerId,
  closed: TaskResult.nullable().default(null),
});
export type LeaseRecord = z.infer<typeof LeaseRecord>;
