// Requirements: 3.7.committee, 3.bad.answers
import { HindcastError } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anInstruction, aTrajectory } from "../../test/support/builders.ts";
import { aContext } from "../../test/support/campaign-context.ts";
import { type Line, ScriptedModel } from "../../test/support/scripted-model.ts";
import type { Candidate } from "./backward-construction.ts";
import { rule } from "./committee.ts";

const trajectory = aTrajectory({ command: "touch a", state: "a" });
const candidate: Candidate = {
  window: { from: 0, to: 1 },
  trajectory,
  summaries: ["Created `a`."],
  instruction: anInstruction({ kind: "new-task", text: "Create the file a" }),
  answer: null,
};

const says = (verdict: "yes" | "no"): Line => ({
  json: {
    checklist: [{ item: "a exists", met: verdict === "yes" }],
    criteria: { aligned: verdict === "yes", coherent: true, natural: true, reasonable: true },
    score: verdict === "yes" ? 4 : 2,
    reason: "looked at it",
    verdict,
  },
});
const overloaded = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "529", retryable: true });
const judge = (id: string, answer: (n: number) => Line): ScriptedModel => {
  let asked = 0;
  return new ScriptedModel(id, () => answer((asked += 1)));
};
const contextOf = (...judges: ScriptedModel[]): ReturnType<typeof aContext> =>
  aContext({ generator: judges[0]!, judges });

describe("rule", () => {
  it("accepts when every judge says yes", async () => {
    const ruling = await rule(
      contextOf(
        judge("a", () => says("yes")),
        judge("b", () => says("yes")),
      ),
      candidate,
    );
    expect(ruling).toMatchObject({
      outcome: "accepted",
      verdicts: [
        { judge: "a", answer: "yes", score: 4 },
        { judge: "b", answer: "yes" },
      ],
    });
  });

  it("rejects on the first no without asking the judges after it", async () => {
    const second = judge("b", () => says("yes"));
    expect(
      await rule(
        contextOf(
          judge("a", () => says("no")),
          second,
        ),
        candidate,
      ),
    ).toMatchObject({ outcome: "rejected" });
    expect(second.requests).toHaveLength(0);
  });

  it.each<[string, Line]>([
    ["an outage", { error: overloaded }],
    ["an answer that is not JSON", "I think so"],
    ["an empty answer", ""],
    ["a cut-off answer", { completion: { stop: "output-limit", text: "{" } }],
    ["a refusal", { completion: { stop: "refusal" } }],
  ])("takes %s as an abstention, never as a no", async (_, line) => {
    const ruling = await rule(
      contextOf(
        judge("a", () => line),
        judge("b", () => says("yes")),
      ),
      candidate,
    );
    expect(ruling).toMatchObject({ outcome: "open", verdicts: [{ answer: "abstain" }, { answer: "yes" }] });
  });

  it.each([
    ["MODEL_UNAUTHORIZED", false],
    ["MODEL_UNKNOWN", false],
  ] as const)("ends with %s of a judge, which every other vote would meet, too", async (code, retryable) => {
    const refused = new HindcastError({ code, boundary: "model", message: "refused", retryable });
    const context = contextOf(
      judge("a", () => ({ error: refused })),
      judge("b", () => says("yes")),
    );
    await expect(rule(context, candidate)).rejects.toBe(refused);
  });

  it("takes what is wrong with one vote's request as an abstention", async () => {
    const error = new HindcastError({
      code: "MODEL_CONTEXT_OVERFLOW",
      boundary: "model",
      message: "too long",
      retryable: false,
    });
    const ruling = await rule(contextOf(judge("a", () => ({ error }))), candidate);
    expect(ruling).toMatchObject({ outcome: "open", verdicts: [{ answer: "abstain", reason: "too long" }] });
  });

  it.each<[string, object]>([
    ["a criterion", { criteria: { aligned: true, coherent: true, natural: false, reasonable: true } }],
    ["an item of the checklist", { checklist: [{ item: "a exists", met: false }] }],
  ])("takes a yes that %s contradicts as a no", async (_, contradiction) => {
    const yes = (says("yes") as { json: object }).json;
    const context = contextOf(judge("a", () => ({ json: { ...yes, ...contradiction } })));
    expect(await rule(context, candidate)).toMatchObject({
      outcome: "rejected",
      verdicts: [{ answer: "no", ...contradiction }],
    });
  });

  it("asks only those again that abstained, with another seed", async () => {
    const wavering = judge("a", (n) => (n <= 1 ? { error: overloaded } : says("yes")));
    const steady = judge("b", () => says("yes"));
    const context = contextOf(wavering, steady);
    const first = await rule(context, candidate);
    const second = await rule(context, candidate, { earlier: first.verdicts, round: 1 });
    expect(second.outcome).toBe("accepted");
    expect(steady.requests).toHaveLength(1);
    expect(wavering.requests.map(({ seed }) => seed)).toEqual([0, 1]);
  });

  it("rejects although a judge abstained when another says no", async () => {
    expect(
      await rule(
        contextOf(
          judge("a", () => ({ error: overloaded })),
          judge("b", () => says("no")),
        ),
        candidate,
      ),
    ).toMatchObject({ outcome: "rejected" });
  });

  it("charges the votes to the campaign", async () => {
    const context = contextOf(
      judge("a", () => says("yes")),
      judge("b", () => says("yes")),
    );
    await rule(context, candidate);
    expect(context.ledger.rows()).toMatchObject([
      { purpose: "judge", model: "a", calls: 1 },
      { purpose: "judge", model: "b", calls: 1 },
    ]);
  });

  it("stops before asking when the budget is spent", async () => {
    const first = judge("a", () => ({
      completion: { costUsd: 2, text: JSON.stringify((says("yes") as { json: unknown }).json) },
    }));
    const second = judge("b", () => says("yes"));
    const context = contextOf(first, second);
    const spent = aContext({
      generator: first,
      judges: [first, second],
      settings: { ...context.settings, costUsdMax: 1 },
    });
    await expect(rule(spent, candidate)).rejects.toMatchObject({ code: "CAMPAIGN_BUDGET_EXHAUSTED" });
    expect(second.requests).toHaveLength(0);
  });
});
