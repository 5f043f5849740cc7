// Requirements: 4.7.partitions
import type { EpisodeId, RetrievalAnswer, RetrievalHit, RetrievalQuery, VectorAnswer } from "@hindcast/shared";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { aDemonstrationOf, aRetrievalQuery } from "../../test/support/retrieval.ts";
import { anAnswer } from "../../test/support/scripted-index.ts";
import { DemonstrationIndex } from "./demonstration-index.ts";
import { mergeAnswers, mergeVectors, partitionQueries } from "./partition-merge.ts";

interface Row {
  n: number;
  episode: number;
  score: number;
  partition: number;
}

const rows = fc
  .array(fc.record({ episode: fc.nat(4), score: fc.integer({ min: 1, max: 12 }), partition: fc.nat(2) }), {
    maxLength: 40,
  })
  .map((all) => all.map((row, n): Row => ({ ...row, n, score: row.score / 10 })));
const idOf = ({ n }: Row): string => `demo-${n}`;
const best = (all: Row[]): Row[] =>
  all.toSorted((left, right) => right.score - left.score || (idOf(left) < idOf(right) ? -1 : 1));

function hitOf(row: Row, rank: number): RetrievalHit {
  const demonstration = aDemonstrationOf(row.n, {
    instruction: `Only ${row.n}`,
    steps: [{ command: `echo ${row.n}` }],
    episode: `ep-${row.episode}` as EpisodeId,
  });
  const reference = {
    demonstrationId: demonstration.id,
    position: null,
    retriever: "model-dense" as const,
    rank,
    score: row.score,
  };
  return { demonstration, reference, tokens: 10 + row.n, window: null, fused: null };
}

/** As an index answers: the best first, at most so many of one episode. */
function select(all: Row[], most: number, perTrajectoryMax: number): RetrievalAnswer {
  const hits: RetrievalHit[] = [];
  for (const [rank, row] of best(all).entries()) {
    const taken = hits.filter(({ demonstration }) => demonstration.lineage.episodeId === `ep-${row.episode}`).length;
    if (hits.length < most && taken < perTrajectoryMax) hits.push(hitOf(row, rank));
  }
  return anAnswer({ hits, passing: all.length });
}

const idsOf = ({ hits }: RetrievalAnswer): string[] => hits.map(({ demonstration }) => demonstration.id);
const partitionsOf = (all: Row[]): Row[][] => [0, 1, 2].map((at) => all.filter(({ partition }) => partition === at));

test("what partitions find is what one index finds, in its order and within its caps", () => {
  fc.assert(
    fc.property(
      rows,
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 4 }),
      (all, most, perTrajectoryMax) => {
        const query = aRetrievalQuery({ query: "q", modelBased: most, perTrajectoryMax });
        const dense = partitionsOf(all).map((part) => select(part, most, perTrajectoryMax));
        const merged = mergeAnswers(query, { observation: [], dense, fused: [] });
        expect(idsOf(merged)).toEqual(idsOf(select(all, most, perTrajectoryMax)));
        expect(merged.passing).toBe(all.length);
      },
    ),
  );
});

test("the budget is spent once, from the best hit on, and what does not fit is counted", () => {
  fc.assert(
    fc.property(rows, fc.integer({ min: 1, max: 200 }), (all, tokenBudget) => {
      const query = aRetrievalQuery({ query: "q", modelBased: 20, tokenBudget });
      const dense = partitionsOf(all).map((part) => select(part, 20, 50));
      const merged = mergeAnswers(query, { observation: [], dense, fused: [] });
      let left = tokenBudget;
      const fitting = select(all, 20, 50).hits.filter(({ tokens }) => tokens <= left && (left -= tokens) >= 0);
      expect(idsOf(merged)).toEqual(fitting.map(({ demonstration }) => demonstration.id));
      expect(merged.hits.length + merged.dropped.tokenBudget).toBe(Math.min(20, all.length));
    }),
  );
});

test("near-duplicates of different partitions count once", () => {
  const twin = (n: number, score: number): RetrievalAnswer => {
    const demonstration = aDemonstrationOf(n, { instruction: "Create the files log and tags" });
    const [hit] = select([{ n, episode: n, score, partition: 0 }], 1, 1).hits;
    return anAnswer({ hits: [{ ...hit!, demonstration }] });
  };
  const query = aRetrievalQuery({ query: "q", modelBased: 5 });
  const merged = mergeAnswers(query, { observation: [], dense: [twin(1, 0.5), twin(2, 0.9)], fused: [] });
  expect([idsOf(merged), merged.dropped.duplicate]).toEqual([["demo-2"], 1]);
});

describe("windows are cut when everything is compared", () => {
  const longOf = (n: number, last: string): ReturnType<typeof aDemonstrationOf> =>
    aDemonstrationOf(n, {
      initial: "on branch main",
      steps: [
        { command: "git add a", observation: "one file staged", reason: "first" },
        { command: "git commit", observation: "one commit made", reason: "then" },
        { command: last, observation: "the tag is there" },
      ],
      answer: "done",
    });

  test("as one index cuts them, with the same tokens", async () => {
    const parts = [1, 2, 3].map((n) => longOf(n, `git tag v${n}`));
    await using whole = await DemonstrationIndex.open();
    await whole.upsert(parts);
    const partitions = await Promise.all(
      parts.map(async (part) => {
        const index = await DemonstrationIndex.open();
        await index.upsert([part]);
        return index;
      }),
    );
    const size = fc.nat(4);
    const seen = fc.constantFrom(
      "on branch main",
      "one file staged",
      "one commit made",
      "the tag is there",
      "elsewhere",
    );
    try {
      await fc.assert(
        fc.asyncProperty(size, size, seen, async (before, after, observation) => {
          const query = aRetrievalQuery({ observation, window: { before, after }, query: "tag", modelBased: 2 });
          const [one] = await whole.search([query]);
          const { observation: first, dense } = partitionQueries(query);
          const ask = async (asked: RetrievalQuery): Promise<RetrievalAnswer[]> =>
            (await Promise.all(partitions.map(async (index) => await index.search([asked])))).flat();
          const merged = mergeAnswers(query, { observation: await ask(first!), dense: await ask(dense!), fused: [] });
          const cut = ({ hits }: RetrievalAnswer): unknown[] =>
            hits
              .filter(({ reference }) => reference.position !== null)
              .map(({ window, tokens, demonstration }) => ({ window, tokens, demonstration }))
              .toSorted((left, right) => (left.demonstration.id < right.demonstration.id ? -1 : 1));
          expect(cut(merged)).toEqual(cut(one!));
        }),
        { numRuns: 60 },
      );
    } finally {
      await Promise.all(partitions.map(async (index) => await index.close()));
    }
  });

  test("alike are those whose actions all are, wherever they matched", () => {
    const query = aRetrievalQuery({ observation: "one file staged", window: { before: 0, after: 1 } });
    const found = (n: number, last: string, position: number): RetrievalAnswer => {
      const [hit] = select([{ n, episode: n, score: 0.5, partition: 0 }], 1, 1).hits;
      const reference = { ...hit!.reference, retriever: "observation-exact" as const, position };
      return anAnswer({ hits: [{ ...hit!, demonstration: longOf(n, last), reference }] });
    };
    const merged = (...answers: RetrievalAnswer[]): unknown[] => {
      const { hits, dropped } = mergeAnswers(query, { observation: answers, dense: [], fused: [] });
      return [hits.map(({ demonstration, window }) => [demonstration.id, window]), dropped.duplicate];
    };
    expect(merged(found(1, "git tag v1", 1), found(2, "git tag v1", 2))).toEqual([[["demo-1", { from: 1, to: 2 }]], 1]);
    expect(merged(found(1, "git tag v1", 1), found(2, "git tag v2", 1))).toEqual([
      [
        ["demo-1", { from: 1, to: 2 }],
        ["demo-2", { from: 1, to: 2 }],
      ],
      0,
    ]);
  });
});

test("vectors' hits are the best of all partitions, query by query", () => {
  fc.assert(
    fc.property(fc.array(rows, { minLength: 1, maxLength: 4 }), fc.integer({ min: 1, max: 10 }), (queries, k) => {
      const answers = [0, 1, 2].map((partition): VectorAnswer => {
        const found = queries.map((all) => best(all.filter((row) => row.partition === partition)).slice(0, k));
        return {
          indexSequence: 5 + partition,
          indexVersion: "v",
          epoch: String(partition),
          counts: Uint32Array.from(found, ({ length }) => length),
          scores: Float32Array.from(found.flat(), ({ score }) => score),
          ids: found.flat().map(idOf),
        };
      });
      const merged = mergeVectors(k, answers);
      const expected = queries.map((all) => best(all).slice(0, k));
      expect(merged.ids).toEqual(expected.flat().map(idOf));
      expect([...merged.counts]).toEqual(expected.map(({ length }) => length));
      expect([merged.indexSequence, merged.epoch]).toEqual([5, "0|1|2"]);
    }),
  );
});

describe("partitions are asked", () => {
  const split = (partial: Partial<RetrievalQuery>): unknown[] => {
    const { observation, dense, fused } = partitionQueries(aRetrievalQuery(partial));
    return [observation, dense, fused].map((one) =>
      one === null ? null : [one.observation, one.observationBased, one.query, one.modelBased],
    );
  };
  test("each retriever by itself under the paper's ranking, with room for what the other has taken", () => {
    expect(split({ observation: "o", observationBased: 3, query: "q", modelBased: 4 })).toEqual([
      ["o", 3, "q", 0],
      [null, 0, "q", 7],
      null,
    ]);
    expect(split({ observation: null, query: "q", modelBased: 4 })).toEqual([null, [null, 0, "q", 4], null]);
    expect(split({ observation: "o", observationBased: 50, query: "q", modelBased: 50 })[1]).toEqual([
      null,
      0,
      "q",
      50,
    ]);
  });
  test("for the whole under other rankings, and where nothing is searched", () => {
    const ranking = { fusion: "paper" as const, rrfK: 60, mmrLambda: 0.5, utilityWeight: 0 };
    expect(split({ observation: "o", query: "q", ranking })).toEqual([null, null, ["o", 5, "q", 5]]);
    expect(split({ observation: null, query: null })).toEqual([null, null, [null, 5, null, 5]]);
  });
});
