import { z } from "zod";
import { DocumentId, InstructionId } from "./ids.ts";

/** Where an instruction came from. `new-task` and `replicate` are the two kinds of backward construction (paper §2.2). */
export const InstructionKind = z.enum(["self-instruct", "new-task", "replicate", "evaluation"]);
export type InstructionKind = z.infer<typeof InstructionKind>;

/** What the agent is asked, in natural language. */
export const Instruction = z.strictObject({
  id: InstructionId,
  kind: InstructionKind,
  text: z.string().min(1).max(8_000),
  /** True when the instruction asks for an answer (`stop(answer)`), not only for a changed state. */
  asksForAnswer: z.boolean(),
  /** What holds when it is done, for the judge's checklist; null when nobody stated it. */
  expectedResult: z.string().max(4_000).nullable(),
  /** Steps that the document spells out; passed to the rollout policy only, never to a judge or the index. */
  guidance: z.array(z.string().min(1).max(4_000)).max(32),
  documentId: DocumentId.nullable(),
});
export type Instruction = z.infer<typeof Instruction>;
