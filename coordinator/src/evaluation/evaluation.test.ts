// Requirements: 3.13.gain
import fc from "fast-check";
import { HindcastError, RetrievalStats, type RolloutTask } from "@hindcast/shared";
import { describe, expect, it } from "vitest";
import { anInstruction } from "../../../test/support/builders.ts";
import { aContext } from "../../../test/support/campaign-context.ts";
import { ScriptedModel } from "../../../test/support/scripted-model.ts";
import { aDocument } from "../../../test/support/scripted-generator.ts";
import { seededRandom } from "../sampling.ts";
import { measureGain, verdictOf } from "./gain.ts";
import { gainOf, type Pair } from "./gain-statistics.ts";
import { splitDocuments } from "./held-out-documents.ts";
import type { HeldOutTask } from "./held-out-tasks.ts";
import { caughtUpIndex } from "./index-state.ts";

const documents = Array.from({ length: 30 }, (_, n) => ({ ...aDocument(n), source: `page-${n % 6}.md` }));
const split = (documentsMax: number, heldOutPercent: number): ReturnType<typeof splitDocuments> =>
  splitDocuments(documents, { documentsMax, heldOutPercent, random: seededRandom("seed") });

describe("splitDocuments", () => {
  it("holds back whole sources, so that no page is on both sides", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), fc.integer({ min: 1, max: 50 }), (documentsMax, percent) => {
        const { learn, heldOut, unused } = split(documentsMax, percent);
        const sources = (docs: typeof learn): Set<string> => new Set(docs.map(({ source }) => source));
        expect([...sources(learn), ...sources(unused)].filter((source) => sources(heldOut).has(source))).toEqual([]);
        expect(learn.length + heldOut.length + unused.length).toBe(documents.length);
        expect(learn.length).toBe(Math.min(documentsMax, documents.length - heldOut.length));
        expect(heldOut.length).toBeGreaterThan(0);
      }),
    );
  });

  it("takes from every source before it takes a second time from one", () => {
    expect(new Set(split(5, 20).learn.map(({ source }) => source)).size).toBe(5);
  });

  it("holds back nothing where there is nothing to spare or nothing is asked for", () => {
    expect(split(10, 0).heldOut).toEqual([]);
    const one = splitDocuments(documents.slice(0, 1), {
      documentsMax: 5,
      heldOutPercent: 20,
      random: seededRandom("seed"),
    });
    expect(one).toMatchObject({ heldOut: [], learn: [{ source: "page-0.md" }] });
  });
});

describe("verdictOf", () => {
  const evaluation = { verdict: "success" as const, evaluator: "end-state", detail: "" };

  it("decides nothing where the episode was not the policy's own or nothing was evaluated", () => {
    expect(verdictOf({ reason: "submitted", evaluation })).toBe("success");
    expect(verdictOf({ reason: "submitted", evaluation: null })).toBe("unknown");
    for (const reason of ["infrastructure", "unavailable", "cancelled"] as const) {
      expect(verdictOf({ reason, evaluation: null })).toBe("unknown");
    }
  });
});

describe("measureGain", () => {
  const tooLarge = new HindcastError({ code: "PROTOCOL_TOO_LARGE", boundary: "protocol", message: "large" });
  const stats = RetrievalStats.parse({
    v: 1,
    kind: "retrieval.statistics",
    demonstrations: 0,
    byEnvironment: {},
    indexSequence: 0,
    lag: 0,
    indexVersion: "",
  });
  const demonstrations = { lastSequence: () => Promise.resolve(0) };

  it("leaves out a task that fits no message and measures the others", async () => {
    const run = ({ reference }: RolloutTask): Promise<object> =>
      reference === null
        ? Promise.reject(tooLarge)
        : Promise.resolve({ reason: "unavailable", evaluation: null, steps: 0, error: null });
    const bus = { demonstrations, request: () => Promise.resolve(stats) };
    const generator = new ScriptedModel("generator", () => "");
    const context = aContext({ generator, bus: bus as never, tasks: { run } as never });
    const base = { kind: "instance-disjoint", environment: { kind: "shell", files: [], setup: [] }, benchmark: null };
    const tasks = [
      { ...base, instruction: anInstruction({ text: "Do what is large" }), reference: null },
      { ...base, instruction: anInstruction({ text: "Do what is small" }), reference: { commands: ["true"] } },
    ] as unknown as HeldOutTask[];
    expect((await measureGain(context, tasks))[0]).toMatchObject({ tasks: 2 });
    expect([...context.warnings]).toEqual([expect.stringContaining("do not fit a message")]);
  });

  it("is not, and costs nothing of the rest, where the retrieval service answers in another form", async () => {
    const newer = new HindcastError({ code: "PROTOCOL_INVALID", boundary: "protocol", message: "a new key" });
    const bus = { demonstrations, request: () => Promise.reject(newer) };
    const warnings = new Set<string>();
    const { signal } = new AbortController();
    expect(await caughtUpIndex({ bus: bus as never, signal, warnings }, { absentMs: 0 })).toBeNull();
    expect([...warnings]).toEqual([expect.stringContaining("a new key")]);
  });
});

describe("gainOf", () => {
  const pair = (off: string, on: string): Pair => ({
    off: { verdict: off as "success", steps: 4 },
    on: { verdict: on as "success", steps: 2 },
  });

  it("pairs the arms over tasks that both decided, and counts the rest as undecided", () => {
    const pairs = [
      pair("failure", "success"),
      pair("failure", "success"),
      pair("success", "success"),
      pair("success", "failure"),
      pair("unknown", "success"),
      pair("failure", "unknown"),
    ];
    expect(gainOf("instance-disjoint", pairs)).toMatchObject({
      tasks: 6,
      off: { successes: 2, decided: 5, undecided: 1 },
      on: { successes: 4, decided: 5, undecided: 1 },
      difference: 0.25,
      onlyOn: 2,
      onlyOff: 1,
    });
  });

  it("claims nothing without a decided task", () => {
    expect(gainOf("document-disjoint", [pair("unknown", "success")])).toMatchObject({
      difference: null,
      differenceInterval: null,
      off: { rate: null, interval: null },
    });
    expect(gainOf("document-disjoint", [])).toMatchObject({ tasks: 0, difference: null });
  });

  it("keeps the difference inside its interval, and an interval above zero only with more tasks solved with retrieval", () => {
    const verdict = fc.constantFrom("success", "failure");
    fc.assert(
      fc.property(fc.array(fc.tuple(verdict, verdict), { minLength: 1, maxLength: 60 }), (verdicts) => {
        const gain = gainOf(
          "instance-disjoint",
          verdicts.map(([off, on]) => pair(off, on)),
        );
        const [low, high] = gain.differenceInterval!;
        expect(low).toBeLessThanOrEqual(gain.difference! + 1e-9);
        expect(high).toBeGreaterThanOrEqual(gain.difference! - 1e-9);
        if (low > 0) expect(gain.onlyOn).toBeGreaterThan(gain.onlyOff);
      }),
    );
  });
});
