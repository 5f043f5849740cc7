// Requirements: 3.8.service
import { decode, type RetrievalHit, RetrievalReply } from "@hindcast/shared";
import fc from "fast-check";
import { expect, test } from "vitest";
import { aDemonstrationOf } from "../../test/support/retrieval.ts";
import { encodeReply } from "./reply-packing.ts";

function aHit(rank: number, length: number): RetrievalHit {
  const demonstration = aDemonstrationOf(rank, { steps: [{ reason: "ü".repeat(length) }] });
  const reference = {
    demonstrationId: demonstration.id,
    position: null,
    retriever: "model-dense" as const,
    rank,
    score: 0.5,
  };
  return { demonstration, reference, tokens: 10, window: null, fused: null };
}

test("a reply always fits, loses last hits only, counts them, and loses none without need", () => {
  const lengths = fc.array(fc.array(fc.nat(3_000), { maxLength: 8 }), { minLength: 1, maxLength: 6 });
  fc.assert(
    fc.property(lengths, fc.integer({ min: 4_000, max: 60_000 }), (answers, bytesMax) => {
      const reply: RetrievalReply = {
        v: 1,
        kind: "retrieval.found",
        answers: answers.map((of) => ({
          hits: of.map((length, rank) => aHit(rank, length)),
          dropped: { duplicate: 1, perTrajectory: 2, tokenBudget: 3 },
          passing: 9,
          epoch: "",
          explain: null,
        })),
        indexSequence: 9,
        indexVersion: "v",
        tokenizer: "bytes/4",
        tookMs: 0.5,
      };
      const whole = Buffer.byteLength(JSON.stringify(reply));
      const bytes = encodeReply(reply, bytesMax);
      expect(bytes.length).toBeLessThanOrEqual(bytesMax);
      const packed = decode(RetrievalReply, bytes);
      for (const [index, { hits, dropped }] of packed.answers.entries()) {
        const before = reply.answers[index]?.hits ?? [];
        expect(hits).toEqual(before.slice(0, hits.length));
        expect(dropped).toEqual({ duplicate: 1, perTrajectory: 2, tokenBudget: 3 + before.length - hits.length });
      }
      if (whole <= bytesMax) expect(packed).toEqual(reply);
    }),
    { numRuns: 60 },
  );
});
