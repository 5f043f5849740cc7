import {
  actionText,
  type Demonstration,
  demonstrationText,
  estimateTokens,
  observationsOf,
  observationText,
} from "@hindcast/shared";

/**
 * Token counts from which those of any window are summed: the whole, what every window has, each observation, each action
 * with its reason. The parts are rounded up one by one, so a window counts a little more than its text.
 */
export function tokensOf(demonstration: Demonstration): number[] {
  const { instruction, steps, answer } = demonstration;
  const stop = answer === null ? "" : `Action: ${actionText({ kind: "stop", answer })}\n\n`;
  return [
    estimateTokens(demonstrationText(demonstration)),
    estimateTokens(`Instruction: ${instruction.text}\n\n${stop}`),
    ...observationsOf(demonstration).map((one) => estimateTokens(`Observation: ${observationText(one)}\n\n`)),
    ...steps.map((step) => estimateTokens(`Reason: ${step.reason}\n\nAction: ${actionText(step.action)}\n\n`)),
  ];
}
