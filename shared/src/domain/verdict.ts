import { z } from "zod";
import { ModelCall } from "./usage.ts";

/** The four criteria of the paper's committee (§2.3, Table 31). */
export const Criterion = z.enum(["aligned", "coherent", "natural", "reasonable"]);
export type Criterion = z.infer<typeof Criterion>;

/** One judge's vote. `abstain` (an outage, an unparsable answer) is asked again later and is never a no. */
export const Verdict = z.strictObject({
  judge: z.string(),
  answer: z.enum(["yes", "no", "abstain"]),
  /** Key points of the instruction, decided before the verdict. */
  checklist: z.array(z.strictObject({ item: z.string(), met: z.boolean() })),
  criteria: z.record(Criterion, z.boolean()).nullable(),
  /** 1 (useless) to 5 (exemplary); null on abstention. */
  score: z.int().min(1).max(5).nullable(),
  reason: z.string(),
  call: ModelCall.nullable(),
});
export type Verdict = z.infer<typeof Verdict>;

/** The sum of the verdicts: unanimous yes, a first no (which ends the vote), or still open because a judge abstained. */
export const Ruling = z.strictObject({
  outcome: z.enum(["accepted", "rejected", "open"]),
  /** Named rule that rejected before any judge was asked, e.g. `no-effect`; null when the committee decided. */
  rule: z.string().nullable(),
  verdicts: z.array(Verdict),
});
export type Ruling = z.infer<typeof Ruling>;
