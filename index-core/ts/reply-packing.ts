import { HindcastError, limits, type RetrievalAnswer, type RetrievalReply } from "@hindcast/shared";

/** Room for what surrounds the hits, and per answer. */
const frameBytes = 1_024;
const answerBytes = 160;

/** Encodes a reply; one that exceeds the size of a message loses last hits, counted under `dropped.tokenBudget`. */
export function encodeReply(reply: RetrievalReply, bytesMax: number = limits.replyBytesMax): Uint8Array {
  const bytes = toBytes(reply);
  if (bytes.length <= bytesMax) return bytes;
  const fewer = toBytes({ ...reply, answers: shrink(reply.answers, bytesMax) });
  if (fewer.length <= bytesMax) return fewer;
  const message = `a reply of ${fewer.length} bytes without its hits exceeds the limit of ${bytesMax}; ask for less at once`;
  throw new HindcastError({ code: "PROTOCOL_TOO_LARGE", boundary: "protocol", message });
}

/** Not checked against the schema: it is the index's own answer, and the check costs more than the search. */
const toBytes = (reply: RetrievalReply): Uint8Array => Buffer.from(JSON.stringify(reply));

/** Takes the last hit of the largest answer until all fit, so that no query pays for another. */
function shrink(answers: readonly RetrievalAnswer[], bytesMax: number): RetrievalAnswer[] {
  const sizes = answers.map(({ hits }) => hits.map((hit) => Buffer.byteLength(JSON.stringify(hit)) + 1));
  // What is said about an answer stays, whatever becomes of its hits.
  const totals = sizes.map(
    (of, index) =>
      of.reduce((sum, bytes) => sum + bytes, 0) +
      Buffer.byteLength(JSON.stringify([answers[index]?.explain, answers[index]?.epoch])),
  );
  let excess = totals.reduce((sum, bytes) => sum + bytes + answerBytes, frameBytes) - bytesMax;
  while (excess > 0) {
    const largest = totals.indexOf(Math.max(...totals));
    const taken = sizes[largest]?.pop();
    if (taken === undefined) break;
    totals[largest] = (totals[largest] ?? 0) - taken;
    excess -= taken;
  }
  return answers.map((answer, index) => {
    const { hits, dropped } = answer;
    const kept = hits.slice(0, sizes[index]?.length ?? 0);
    return {
      ...answer,
      hits: kept,
      dropped: { ...dropped, tokenBudget: dropped.tokenBudget + hits.length - kept.length },
    };
  });
}
