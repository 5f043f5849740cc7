// Requirements: 3.13.report, 3.10.offline
import * as fc from "fast-check";
import { describe, expect, it } from "vitest";
import { aGain, aReport } from "../../../test/support/export-check/reports.ts";
import { gainVerdict } from "./gain-verdict.ts";
import { renderReport } from "./render-report.ts";
import { displayWidth } from "./text-width.ts";

const bought = { inputTokens: 120_000, cacheReadTokens: 900_000, cacheWriteTokens: 30_000, outputTokens: 45_000 };

describe("renderReport", () => {
  it("shows funnel, ends, gain, cost and throughput", () => {
    expect(
      `\n${renderReport(aReport(), { width: 100, places: [{ what: "data", path: "/home/ada/project/.hindcast" }] })}\n`,
    ).toMatchInlineSnapshot(`
      "
      Funnel — offline rules, no LLM
      stage           count                        where they went
      ────────────────────────────────────────────────────────────────────────────────────────────────────
      documents         120  █▎                    read 96 · duplicate 22 · unreadable 2
      tasks             288  ███                   accepted 243 · duplicate 31 · needs network 14
      episodes          243  ██▌                   submitted 201 · step-limit 30 · loop 11 ·
                                                   infrastructure 1
      windows         1,940  ████████████████████  constructed 812 · no effect 1,128
      candidates        812  ████████▍             accepted 305 · rejected by offline:rules 507
      replay            305  ███▏                  verified 290 · diverged 12 · not-replayable 3
      demonstrations    305  ███▏                  indexed 305

      Episodes by how they ended — offline rules, no LLM
      end             answers for it  episodes    share
      ────────────────────────────────────────────────────────────────────
      submitted       policy               201   82.7 %  ████████████████▌
      loop            policy                11    4.5 %  ▉
      step-limit      limit                 30   12.3 %  ██▌
      infrastructure  surroundings           1    0.4 %  ▏
      ────────────────────────────────────────────────────────────────────
      sum                                  243  100.0 %

      Measured gain, instance-disjoint: the same features with other names, values, wording and start
      states (21 tasks) — offline rules, no LLM
      retrieval    solved    rate  95 % interval                        mean steps
      ────────────────────────────────────────────────────────────────────────────
      off         3 of 20  15.0 %    5.2 to 36.0   ├─●───┤                    11.3
      on         12 of 21  57.1 %   36.5 to 75.5         ├───●──┤              4.4
      Retrieval helped: +45.0 points, 95 % interval +17.9 to +63.6; 10 tasks solved only with it, 1 only
      without it.
      Undecided: 1 with retrieval off, 0 with it on; neither solved nor failed.

      Measured gain, document-disjoint: features of documents that nothing was learned from (18 tasks) —
      offline rules, no LLM
      retrieval   solved    rate  95 % interval                        mean steps
      ───────────────────────────────────────────────────────────────────────────
      off        2 of 18  11.1 %    3.1 to 32.8   ├●───┤                     12.0
      on         2 of 18  11.1 %    3.1 to 32.8   ├●───┤                     11.5
      No measurable difference: 0.0 points, 95 % interval -14.3 to +14.3, which includes zero; 1 task
      solved only with it, 1 only without it.

      Model calls and cost — offline rules, no LLM
      purpose        model          calls  journal  input  cached  output   cost
      ──────────────────────────────────────────────────────────────────────────
      self-instruct  offline:rules     96        0      0       0       0  $0.00
      act            offline:rules  2,345       12      0       0       0  $0.00
      ──────────────────────────────────────────────────────────────────────────
      sum                           2,441       12      0       0       0  $0.00

      Throughput and data — offline rules, no LLM
      campaign      c-1
      duration      3 min 04 s
      steps         2,345 (12.7/s)
      in the index  305 demonstrations
      data          /home/ada/project/.hindcast
      "
    `);
  });

  it("does without Unicode where the locale has none", () => {
    const text = renderReport(aReport(), { width: 100, unicode: false });
    expect(text).toMatch(/^[\x20-\x7E\n]*$/);
    expect(text).toContain("####");
  });

  it("says in the title of every table that no LLM took part, and only then", () => {
    const titles = (text: string): string[] => text.split("\n\n").map((section) => section.split("\n")[0] ?? "");
    const offline = titles(renderReport(aReport(), { width: 200 }));
    expect(offline).toHaveLength(6);
    for (const title of offline) expect(title).toMatch(/ — offline rules, no LLM$/);
    expect(renderReport(aReport({ isOffline: false }), { width: 200 })).not.toContain("LLM");
  });

  it("gives the sum of the ends and says when the funnel disagrees", () => {
    expect(renderReport(aReport(), { width: 100 })).toMatch(/^sum +243 +100\.0 %$/m);
    const wrong = renderReport(aReport({ outcomes: { ...aReport().outcomes, submitted: 200 } }), { width: 100 });
    expect(wrong).toMatch(/^sum +242/m);
    expect(wrong).toContain("not equal to the 243 episodes of the funnel");
  });

  it("says why there is nothing but zeros", () => {
    const funnel = [{ name: "tasks", total: 0, counts: {} }];
    const offline = renderReport(aReport({ funnel }), { width: 200 });
    expect(offline).toContain("No task came of these documents. The offline rules find tasks only where");
    expect(renderReport(aReport({ funnel, isOffline: false }), { width: 200 })).toMatch(/No task came of [a-z ]+\.$/m);
    expect(renderReport(aReport(), { width: 200 })).not.toContain("No task");
  });

  it("says when the buckets of a stage do not add up", () => {
    const text = renderReport(aReport({ funnel: [{ name: "tasks", total: 5, counts: { accepted: 3 } }] }), {
      width: 100,
    });
    expect(text).toContain("accepted 3 (these add up to 3, not 5)");
  });

  it("shows an unknown cost as unknown, in the row and in the sum, with the part that is known", () => {
    const text = renderReport(
      aReport({
        isOffline: false,
        costs: [
          {
            purpose: "act",
            model: "anthropic:claude-x",
            calls: 10,
            journaled: 2,
            batched: 6,
            usage: bought,
            costUsd: 1.25,
          },
          { purpose: "judge", model: "openai:local", calls: 5, journaled: 0, batched: 0, usage: bought, costUsd: null },
        ],
      }),
      { width: 100 },
    );
    expect(text).toMatch(/judge +openai:local .* unknown$/m);
    expect(text).toMatch(/^sum .* unknown$/m);
    expect(text).toContain("6 of the calls were bought in batches, at the batch price.");
    expect(text).toContain("Known part: $1.25. No price is known for openai:local");
  });

  it("colours only when asked", () => {
    expect(renderReport(aReport(), { width: 100 })).not.toContain("\u001B");
    expect(renderReport(aReport(), { width: 100, color: true })).toContain("\u001B[32mRetrieval helped");
  });

  it("shows warnings without what a terminal would obey", () => {
    const text = renderReport(aReport({ warnings: ["a judge\u001B[2J abstained\nto the end"] }), { width: 100 });
    expect(text).toContain("Warning: a judge abstained to the end");
  });

  it("keeps every line within the width", () => {
    const words = fc.string({ unit: "binary", maxLength: 60 });
    fc.assert(
      fc.property(
        fc.integer({ min: 20, max: 200 }),
        words,
        fc.boolean(),
        fc.boolean(),
        (width, word, unicode, color) => {
          const report = aReport({
            funnel: [{ name: word, total: 1_234_567_890, counts: { [word]: 1_234_567_890 } }],
            costs: [
              { purpose: word, model: word, calls: 1e9, journaled: 1e9, batched: 0, usage: bought, costUsd: null },
            ],
            warnings: [word],
          });
          for (const line of renderReport(report, {
            width,
            unicode,
            color,
            places: [{ what: "data", path: word }],
          }).split("\n")) {
            expect(displayWidth(line)).toBeLessThanOrEqual(width);
          }
        },
      ),
      { numRuns: 40 },
    );
  });
});

describe("gainVerdict", () => {
  it("says that retrieval helped only when the interval lies above zero", () => {
    expect(gainVerdict(aGain())).toEqual({
      verdict: "helped",
      sentence:
        "Retrieval helped: +45.0 points, 95 % interval +17.9 to +63.6; 10 tasks solved only with it, 1 only without it.",
    });
  });

  it("says that it hurt when the interval lies below zero", () => {
    const verdict = gainVerdict(aGain({ difference: -0.3, differenceInterval: [-0.5, -0.1], onlyOn: 1, onlyOff: 7 }));
    expect(verdict.verdict).toBe("hurt");
    expect(verdict.sentence).toMatch(/^Retrieval hurt: -30\.0 points/);
  });

  it("claims nothing when the interval holds zero, its ends included", () => {
    for (const differenceInterval of [
      [-0.1, 0.4],
      [0, 0.4],
      [-0.4, 0],
    ] as [number, number][]) {
      expect(gainVerdict(aGain({ differenceInterval })).sentence).toMatch(
        /^No measurable difference: .* includes zero/,
      );
    }
  });

  it("says why there is no measurement", () => {
    const none = { difference: null, differenceInterval: null };
    expect(gainVerdict(aGain({ ...none, tasks: 0 })).sentence).toBe(
      "Not measured: there was no held-out task of this kind.",
    );
    expect(gainVerdict(aGain(none)).sentence).toBe("Not measured: no task was decided in both arms.");
  });
});
