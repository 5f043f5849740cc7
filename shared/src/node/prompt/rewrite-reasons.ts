// The REASON of a rollout served the instruction it was given. Under a relabelled instruction it would mislead, so the
// reasons are written again (NNetNav's retroactive reasoning); the paper leaves this open.
import { z } from "zod";
import type { Prompt, RewriteReasonsInput, RewriteReasonsOutput } from "./prompt.ts";
import { leaf } from "./sections.ts";
import { systemText, templateHash, userMessage, type Template } from "./template.ts";
import { trajectorySection } from "./trajectory-sections.ts";

const template: Template = {
  purpose: "rewrite-reason",
  system: `You are given an instruction and the trajectory that carries it out. For every step write the reason why an agent with this instruction takes this action at this point: one or two sentences that use only what had been observed before the step. Do not mention results that only the step itself brings.`,
  request: "Answer with one JSON object whose key `reasons` holds one text per step, in order.",
};

const Output: z.ZodType<RewriteReasonsOutput> = z.strictObject({ reasons: z.array(z.string()) });

export const rewriteReasons: Prompt<RewriteReasonsInput, RewriteReasonsOutput> = {
  purpose: "rewrite-reason",
  hash: templateHash(template),
  outputTokensMax: 8_000,
  render: ({ instruction, trajectory, summaries }) => ({
    system: systemText(template),
    messages: [
      userMessage([leaf("instruction", instruction), trajectorySection(trajectory, summaries), template.request]),
    ],
  }),
  output: { kind: "json", name: "reasons", schema: Output },
};
