import { encode, HindcastError, limits, type RetrievalAnswer, RetrievalReply } from "@hindcast/shared";

/** Room for what surrounds the hits, and per answer. */
const frameBytes = 1_024;
const answerBytes = 160;

/** Encodes a reply; one that exceeds the size of a message loses last hits, counted under `dropped.tokenBudget`. */
export function encodeReply(reply: RetrievalReply, bytesMax: number = limits.replyBytesMax): Uint8Array {
  try {
    return encode(RetrievalReply, reply, bytesMax);
  } catch (error) {
    if (!(error instanceof HindcastError && error.code === "PROTOCOL_TOO_LARGE")) throw error;
    return encode(RetrievalReply, { ...reply, answers: shrink(reply.answers, bytesMax) }, bytesMax);
  }
}

/** Takes the last hit of the largest answer until all fit, so that no query pays for another. */
function shrink(answers: readonly RetrievalAnswer[], bytesMax: number): RetrievalAnswer[] {
  const sizes = answers.map(({ hits }) => hits.map((hit) => Buffer.byteLength(JSON.stringify(hit)) + 1));
  const totals = sizes.map((of) => of.reduce((sum, bytes) => sum + bytes, 0));
  let excess = totals.reduce((sum, bytes) => sum + bytes + answerBytes, frameBytes) - bytesMax;
  while (excess > 0) {
    const largest = totals.indexOf(Math.max(...totals));
    const taken = sizes[largest]?.pop();
    if (taken === undefined) break;
    totals[largest] = (totals[largest] ?? 0) - taken;
    excess -= taken;
  }
  return answers.map(({ hits, dropped }, index) => {
    const kept = hits.slice(0, sizes[index]?.length ?? 0);
    return { hits: kept, dropped: { ...dropped, tokenBudget: dropped.tokenBudget + hits.length - kept.length } };
  });
}
