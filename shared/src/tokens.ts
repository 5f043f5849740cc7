/** Name of the rule below; recorded wherever a count made by it is shown. */
export const tokenizerName = "bytes/4";

const encoder = new TextEncoder();

/**
 * A stated, vendor-neutral estimate for budgets before a call: UTF-8 bytes divided by four, rounded up. Real usage
 * always comes from the provider's answer.
 */
export function estimateTokens(text: string): number {
  return Math.ceil(encoder.encode(text).length / 4);
}
