// What a stage leaves behind: its product, and the account of it that the campaign's leader adds to its own. It lies in
// a blob that the terminal record names, because the candidates of a long episode do not fit a message.
import { gunzipSync, gzipSync } from "node:zlib";
import {
  type BlobRef,
  FunnelStage,
  Instruction,
  limits,
  PurposeCost,
  Ruling,
  SeedFile,
  decode,
  encode,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { z } from "zod";
import type { StageContext } from "../campaign-context.ts";

/** What became of the stage's items, what its model calls cost, and what a reader must know. */
const StageAccount = z.strictObject({
  counts: z.array(FunnelStage),
  costs: z.array(PurposeCost),
  warnings: z.array(z.string()),
});

const ProposedTask = z.strictObject({
  instruction: z.string(),
  asksForAnswer: z.boolean(),
  expectedResult: z.string(),
  guidance: z.array(z.string()),
  files: z.array(SeedFile),
  setup: z.array(z.string()),
  scene: z.string().optional(),
  needs: z.array(z.enum(["network", "credentials", "display", "root", "interaction"])),
});

const head = { v: z.literal(1), account: StageAccount };

/** The tasks that a document suggests; null where the stage failed. */
export const ProposeOutput = z.strictObject({
  ...head,
  kind: z.literal("proposed"),
  product: z.array(ProposedTask).nullable(),
});
export type ProposeOutput = z.infer<typeof ProposeOutput>;

/** A pair (I', T') that every judge accepted. T' is told by its window: the episode's steps are stored already. */
export const ConstructedPair = z.strictObject({
  from: z.int().nonnegative(),
  to: z.int().positive(),
  instruction: Instruction,
  answer: z.string().nullable(),
  ruling: Ruling,
  /** REASON texts under the new instruction, one per step. */
  reasons: z.array(z.string()),
});
export type ConstructedPair = z.infer<typeof ConstructedPair>;

/** What an episode's behaviour accomplishes; null where the stage failed. */
export const ConstructOutput = z.strictObject({
  ...head,
  kind: z.literal("constructed"),
  product: z.strictObject({ summaries: z.array(z.string()), accepted: z.array(ConstructedPair) }).nullable(),
});
export type ConstructOutput = z.infer<typeof ConstructOutput>;

export const StageOutput = z.discriminatedUnion("kind", [ProposeOutput, ConstructOutput]);
export type StageOutput = z.infer<typeof StageOutput>;

export function accountOf({ funnel, ledger, warnings }: StageContext): StageOutput["account"] {
  return { counts: funnel.stages(), costs: ledger.rows(), warnings: [...warnings].sort() };
}

export function storeOutput(bus: Pick<Bus, "blobs">, output: StageOutput): Promise<BlobRef> {
  return bus.blobs.put(gzipSync(encode(StageOutput, output, limits.blobBytesMax)));
}

/** @throws PROTOCOL_INVALID or PROTOCOL_UNKNOWN_VERSION, BUS_NOT_FOUND */
export async function readOutput(bus: Pick<Bus, "blobs">, ref: BlobRef): Promise<StageOutput> {
  const bytes = gunzipSync(await bus.blobs.get(ref), { maxOutputLength: limits.blobBytesMax });
  return decode(StageOutput, bytes, limits.blobBytesMax);
}
