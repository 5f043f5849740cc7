// The committee (paper §2.3, Table 31): a pair is kept only when every judge says yes. Judges are asked in turn and
// the first no ends the vote, which unanimity makes free. A judge that cannot be reached or understood abstains; it is
// asked again in a later round and never counts as a no. One whose key or model is wrong ends the campaign instead: it
// would abstain from all that the other calls pay for.
import { HindcastError, messageOf } from "@hindcast/shared";
import type { Ruling, Verdict } from "@hindcast/shared";
import { inSpan, judge as judgePrompt, type Model, type OpenSpan } from "@hindcast/shared/node";
import type { Candidate } from "./backward-construction.ts";
import { askFor, concernsEveryItem, type StageContext } from "./campaign-context.ts";

/**
 * One round of votes. `earlier` holds the verdicts of previous rounds: only abstentions are asked again, with another
 * seed, so that the journal does not answer with the same unusable vote.
 */
export async function rule(
  context: StageContext,
  candidate: Candidate,
  { earlier = [], round = 0 }: { earlier?: readonly Verdict[]; round?: number } = {},
): Promise<Ruling> {
  const verdicts: Verdict[] = [];
  for (const model of context.judges) {
    const stands = earlier.find(({ judge, answer }) => judge === model.id && answer !== "abstain");
    const asked = async (span: OpenSpan): Promise<Verdict> => {
      const given = await vote(context, model, candidate, round);
      span.set({ "hindcast.vote": given.answer });
      return given;
    };
    const verdict = stands ?? (await inSpan("vote", { attributes: { "hindcast.judge": model.id } }, asked));
    verdicts.push(verdict);
    if (verdict.answer === "no") return { outcome: "rejected", rule: null, verdicts };
  }
  const isOpen = verdicts.some(({ answer }) => answer === "abstain");
  return { outcome: isOpen ? "open" : "accepted", rule: null, verdicts };
}

async function vote(context: StageContext, model: Model, candidate: Candidate, round: number): Promise<Verdict> {
  const { instruction, trajectory, summaries, answer: given } = candidate;
  const input = {
    instruction: instruction.text,
    expectedResult: instruction.expectedResult,
    trajectory,
    summaries,
    answer: given,
  };
  try {
    const answer = await askFor(context, model, judgePrompt, { input, seed: context.settings.seed + round });
    const call = answer.calls.at(-1) ?? null;
    if (!answer.ok) return abstention(model, answer.detail, call);
    const { checklist, criteria, score, reason, verdict } = answer.value;
    // Table 31: yes only if all of it holds. A last word that contradicts its own parts does not outweigh them.
    const holds = verdict === "yes" && Object.values(criteria).every(Boolean) && checklist.every(({ met }) => met);
    return { judge: model.id, answer: holds ? "yes" : "no", checklist, criteria, score, reason, call };
  } catch (error) {
    context.signal.throwIfAborted();
    if (!(error instanceof HindcastError) || error.boundary !== "model" || concernsEveryItem(error)) throw error;
    return abstention(model, messageOf(error), null);
  }
}

function abstention(model: Model, reason: string, call: Verdict["call"]): Verdict {
  return { judge: model.id, answer: "abstain", checklist: [], criteria: null, score: null, reason, call };
}
