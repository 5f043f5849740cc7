// Requirements: 4.7.batching
import { HindcastError, limits } from "@hindcast/shared";
import { expect, test } from "vitest";
import { RequestJoiner } from "./request-joiner.ts";

const later = Number.POSITIVE_INFINITY;

function aJoiner(work?: (context: string, items: number[]) => Promise<number[]>): {
  calls: { context: string; items: number[] }[];
  submit: (items: number[], key?: string, deadlineAt?: number) => Promise<number[]>;
} {
  const calls: { context: string; items: number[] }[] = [];
  const joiner = new RequestJoiner<string, number, number>({
    work: async (context, items) => {
      calls.push({ context, items });
      return work === undefined ? items.map((item) => item * 10) : await work(context, items);
    },
  });
  const submit = (items: number[], key = "k", deadlineAt = later): Promise<number[]> =>
    joiner.submit({ key, context: key, items, deadlineAt });
  return { calls, submit };
}

test("requests of one turn are one call, and each gets its own answers", async () => {
  const { calls, submit } = aJoiner();
  expect(await Promise.all([submit([1, 2]), submit([3]), submit([]), submit([4, 5, 6])])).toEqual([
    [10, 20],
    [30],
    [],
    [40, 50, 60],
  ]);
  expect(calls).toEqual([{ context: "k", items: [1, 2, 3, 4, 5, 6] }]);
});

test("requests that do not agree on what is asked are calls of their own", async () => {
  const { calls, submit } = aJoiner();
  await Promise.all([submit([1], "a"), submit([2], "b"), submit([3], "a")]);
  expect(calls).toEqual([
    { context: "a", items: [1, 3] },
    { context: "b", items: [2] },
  ]);
});

test("a call takes no more than its cap, and a request is never split", async () => {
  const { calls, submit } = aJoiner();
  const many = Array.from({ length: 7 }, () => submit(Array.from({ length: 100 }, (_, n) => n)));
  await Promise.all(many);
  expect(calls.map(({ items }) => items.length)).toEqual([200, 200, 200, 100]);
  expect(limits.searchBatchQueriesMax).toBe(256);
});

test("a lone request does not wait for company", async () => {
  const { calls, submit } = aJoiner();
  const asked = submit([1]);
  await new Promise((resolve) => setImmediate(resolve));
  await new Promise((resolve) => setImmediate(resolve));
  expect(calls).toHaveLength(1);
  await asked;
});

test("while a call is under way, requests of later turns join each other", async () => {
  const first = Promise.withResolvers<number[]>();
  const { calls, submit } = aJoiner(async (_, items) => (items.includes(1) ? await first.promise : items));
  const asked = [submit([1])];
  await new Promise((resolve) => setTimeout(resolve, 2));
  asked.push(submit([2]));
  await Promise.resolve();
  asked.push(submit([3]));
  await Promise.all(asked.slice(1));
  expect(calls.map(({ items }) => items)).toEqual([[1], [2, 3]]);
  first.resolve([0]);
  await asked[0];
});

test("a bad request spoils none of its neighbours", async () => {
  const bad = new HindcastError({ code: "INDEX_INVALID", boundary: "index", message: "13 is unlucky" });
  const { submit } = aJoiner(async (_, items) =>
    items.includes(13) ? await Promise.reject(bad) : await Promise.resolve(items),
  );
  const outcomes = await Promise.allSettled([submit([1]), submit([2, 13]), submit([3])]);
  expect(outcomes.map((one) => (one.status === "fulfilled" ? one.value : one.reason))).toEqual([[1], bad, [3]]);
});

test("an outage is met once, not once by each request", async () => {
  const outage = new HindcastError({ code: "MODEL_OVERLOADED", boundary: "model", message: "busy", retryable: true });
  const { calls, submit } = aJoiner(() => Promise.reject(outage));
  const outcomes = await Promise.allSettled([submit([1]), submit([2]), submit([3])]);
  expect(outcomes.every((one) => one.status === "rejected" && one.reason === outage)).toBe(true);
  expect(calls).toHaveLength(1);
});

test("a request whose deadline has passed is refused before work is done for it", async () => {
  const { calls, submit } = aJoiner();
  const outcomes = await Promise.allSettled([submit([1], "k", performance.now() - 1), submit([2])]);
  expect(outcomes[0]).toMatchObject({ reason: { code: "INDEX_NOT_READY", retryable: true } });
  expect(calls).toEqual([{ context: "k", items: [2] }]);
});
