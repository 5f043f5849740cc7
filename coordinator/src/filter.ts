// The committee's half of the filter F of Algorithm 1 (replay is the other). Open rulings (a judge abstained) are asked
// again after the others, `judgeRoundsMax` times in all; what is still open then is reported, not rejected.
import { limits } from "@hindcast/shared";
import type { Ruling } from "@hindcast/shared";
import pMap from "p-map";
import type { Candidate } from "./backward-construction.ts";
import { callsAtOnce, type StageContext } from "./campaign-context.ts";
import { rule } from "./committee.ts";

/** Candidates of one episode that are before the committee at once. */
const votesInFlightMax = 4;

/** Those of one episode's candidates that every judge accepted, in their order. */
export async function acceptedByCommittee(
  context: StageContext,
  candidates: readonly Candidate[],
): Promise<{ candidate: Candidate; ruling: Ruling }[]> {
  const rulings = new Map<Candidate, Ruling>();
  for (let round = 0; round < limits.judgeRoundsMax; round += 1) {
    const open = candidates.filter((candidate) => (rulings.get(candidate)?.outcome ?? "open") === "open");
    await pMap(
      open,
      async (candidate) => {
        const earlier = rulings.get(candidate)?.verdicts ?? [];
        rulings.set(candidate, await rule(context, candidate, { earlier, round }));
      },
      { concurrency: callsAtOnce(context, "judge", votesInFlightMax) },
    );
  }
  for (const [{ instruction }, ruling] of rulings) {
    context.funnel.count("candidates", bucketOf(ruling));
    context.metrics?.ruled(ruling);
    for (const { judge, answer, reason } of ruling.outcome === "open" ? ruling.verdicts : []) {
      if (answer !== "abstain") continue;
      context.warnings.add(
        `the judge ${judge} abstained to the end on some candidates; the coordinators' logs say why`,
      );
      context.logger.warn({ event: "judge.abstained", judge, instructionId: instruction.id, reason });
    }
  }
  return candidates.flatMap((candidate) => {
    const ruling = rulings.get(candidate);
    return ruling?.outcome === "accepted" ? [{ candidate, ruling }] : [];
  });
}

function bucketOf(ruling: Ruling): string {
  if (ruling.outcome === "accepted") return "accepted";
  if (ruling.outcome === "open") return "open: a judge abstained";
  return `rejected by ${ruling.verdicts.at(-1)?.judge ?? "nobody"}`;
}
