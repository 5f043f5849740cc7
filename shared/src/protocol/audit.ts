// The audit log: who asked the cluster for what, and what came of it. Two records per request, because one that is
// written only afterwards does not exist for the request during which its coordinator died.
import { z } from "zod";
import { Timestamp, WorkerId } from "../domain/ids.ts";
import { ErrorCode } from "../errors.ts";
import { limits } from "../limits.ts";
import { Change } from "./control.ts";

/** Written before anything is done; its sequence in the stream is the request's number. */
export const AuditIntent = z.strictObject({
  v: z.literal(1),
  kind: z.literal("audit.intent"),
  /** `start` or a verb of `Command`. */
  verb: z.string().max(50),
  /** As it was asked for; null: all. */
  target: z.string().max(200).nullable(),
  /** Values of keys that are not known, and what is shaped like a credential, are not recorded. */
  arguments: z.record(z.string(), z.string().max(200)),
  /** NATS user, told by the inbox that its permissions confine it to; null on a server without users. */
  user: z.string().max(200).nullable(),
  /** `user@host` as the asking side tells it. */
  by: z.string().max(200).nullable(),
  /** The coordinator that took the request. */
  coordinator: WorkerId,
  at: Timestamp,
});
export type AuditIntent = z.infer<typeof AuditIntent>;

/** Written after it was done or refused. */
export const AuditOutcome = z.strictObject({
  v: z.literal(1),
  kind: z.literal("audit.outcome"),
  /** The request's number. */
  intent: z.int().positive(),
  outcome: z.enum(["done", "refused"]),
  changes: z.array(Change).max(limits.changesMax),
  error: z.strictObject({ code: ErrorCode, message: z.string().max(4_000) }).nullable(),
  at: Timestamp,
});
export type AuditOutcome = z.infer<typeof AuditOutcome>;

export const AuditRecord = z.discriminatedUnion("kind", [AuditIntent, AuditOutcome]);
export type AuditRecord = z.infer<typeof AuditRecord>;
