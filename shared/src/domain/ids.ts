// Identifiers are derived from what they name (see node/derive-id.ts), never random: a campaign that is run again
// after a crash arrives at the same ids, so every write-once record, dedupe window and journal entry still fits.
import { z } from "zod";

/** Lower-case letters, digits and hyphens: one token of a NATS subject, a file name and a URL segment at once. */
const token = (prefix: string): z.ZodString =>
  z
    .string()
    .max(64)
    .regex(new RegExp(`^${prefix}-[a-z0-9][a-z0-9-]*$`), `expected an id such as ${prefix}-1a2b3c`);

export const CampaignId = token("c").brand<"CampaignId">();
export type CampaignId = z.infer<typeof CampaignId>;

export const DocumentId = token("doc").brand<"DocumentId">();
export type DocumentId = z.infer<typeof DocumentId>;

export const InstructionId = token("ins").brand<"InstructionId">();
export type InstructionId = z.infer<typeof InstructionId>;

export const TaskId = token("task").brand<"TaskId">();
export type TaskId = z.infer<typeof TaskId>;

export const EpisodeId = token("ep").brand<"EpisodeId">();
export type EpisodeId = z.infer<typeof EpisodeId>;

export const DemonstrationId = token("demo").brand<"DemonstrationId">();
export type DemonstrationId = z.infer<typeof DemonstrationId>;

export const WorkerId = token("w").brand<"WorkerId">();
export type WorkerId = z.infer<typeof WorkerId>;

/** Lower-case hexadecimal SHA-256, 64 characters. */
export const Sha256 = z
  .string()
  .regex(/^[0-9a-f]{64}$/, "expected 64 hexadecimal characters")
  .brand<"Sha256">();
export type Sha256 = z.infer<typeof Sha256>;

/** A content-addressed blob in the object store: anything too large for a message. */
export const BlobRef = z.strictObject({ sha256: Sha256, bytes: z.int().nonnegative() });
export type BlobRef = z.infer<typeof BlobRef>;

/** ISO 8601 in UTC with milliseconds, as `Date.prototype.toISOString` writes it. */
export const Timestamp = z.iso.datetime({ precision: 3 });
export type Timestamp = z.infer<typeof Timestamp>;
