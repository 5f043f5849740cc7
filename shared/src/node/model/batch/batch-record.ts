// What the BATCHES bucket holds. A *register* per model lists its open batches; adding one is a compare-and-set on it,
// so of two processes that want the same request answered only one submits it. A *batch* is written before it is
// submitted (its requests' hashes), again with the provider's id, and a last time with what became of each request.
import { z } from "zod";
import { CampaignId, Timestamp } from "../../../domain/ids.ts";

/** `void`: it was never submitted, or refused as a whole; nothing was bought. */
const BatchItemOutcome = z.enum(["waiting", "answered", "failed", "expired", "cancelled", "void"]);
export type BatchItemOutcome = z.infer<typeof BatchItemOutcome>;

export const BatchRecord = z.strictObject({
  v: z.literal(1),
  kind: z.literal("batch"),
  /** Derived from the register's ordinal and the requests; Gemini shows it as the batch's name. */
  id: z.string(),
  /** `provider:model`. */
  model: z.string(),
  state: z.enum(["intent", "submitted", "closed"]),
  /** The provider's id; null until it is known. */
  providerId: z.string().nullable(),
  /** All of them while it is open; of a closed batch those without an answer. */
  items: z.array(
    z.strictObject({
      /** Request hash: the journal's key. */
      hash: z.string(),
      /** Which try of the request this is, from 1. */
      attempt: z.int().positive(),
      outcome: BatchItemOutcome,
      /** On whose account; null: nobody's but the fleet's. */
      campaignId: CampaignId.nullable().default(null),
      /** What is reserved for it until it is known what it has cost; null: its price is unknown. */
      usdMax: z.number().nonnegative().nullable().default(null),
    }),
  ),
  /** Requests that the provider reports finished; null where it does not say. */
  done: z.int().nonnegative().nullable(),
  createdAt: Timestamp,
  closedAt: Timestamp.nullable(),
  /** One sentence on why it ended without results. */
  detail: z.string().nullable(),
  /** Nobody wants its answers any more: when that was seen, and when the provider had been told; null until then. */
  cancel: z.strictObject({ seenAt: Timestamp, toldAt: Timestamp.nullable() }).nullable().default(null),
});
export type BatchRecord = z.infer<typeof BatchRecord>;

export const BatchRegister = z.strictObject({
  v: z.literal(1),
  kind: z.literal("register"),
  model: z.string(),
  /** Batches that were ever registered: makes the next one's id new. */
  ordinal: z.int().nonnegative(),
  open: z.array(z.string()),
});
export type BatchRegister = z.infer<typeof BatchRegister>;

/** A value of the BATCHES bucket. */
export const BatchesValue = z.discriminatedUnion("kind", [BatchRecord, BatchRegister]);
export type BatchesValue = z.infer<typeof BatchesValue>;

/** The batches that are open now, of all models, oldest first. */
export function openBatches(values: readonly BatchesValue[]): BatchRecord[] {
  const open = new Set(values.flatMap((value) => (value.kind === "register" ? value.open : [])));
  return values
    .filter((value): value is BatchRecord => value.kind === "batch" && open.has(value.id) && value.state !== "closed")
    .toSorted((a, b) => a.createdAt.localeCompare(b.createdAt));
}

/** What the provider is told to call a request: 160 bits of its hash, and the batch, so that no two are alike. */
export function customIdOf(batch: Pick<BatchRecord, "id">, hash: string): string {
  return `${hash.slice(0, 40)}-${batch.id.slice("bat-".length)}`;
}
