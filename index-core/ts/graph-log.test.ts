// Requirements: 4.6.replicas
import { setTimeout as delay } from "node:timers/promises";
import type { GraphEntry } from "@hindcast/shared";
import { silentLogger } from "@hindcast/shared/node";
import { expect, test } from "vitest";
import { GraphLog, groupOf, type LedIndex } from "./graph-log.ts";
import type { NativeGraphNews } from "./native.d.ts";

const group = "1-0-abc";
const range = { v: 1, group, environment: "shell", from: 0, to: 64 } as const;
const begin = { ...range, kind: "graph.begin", hasGraph: true, after: 70 } as const;
const ready = { ...range, kind: "graph.ready", begunAt: 71, fingerprint: "0123456789abcdef" } as const;
const due = { environment: "shell", from: 0, to: 64, hasGraph: true, begunAt: null, fingerprint: "" };

/** An index that does as it is told, and a log that keeps what it is told. */
function scripted(): { graphs: GraphLog; calls: string[]; told: GraphEntry[]; news: NativeGraphNews[] } {
  const calls: string[] = [];
  const told: GraphEntry[] = [];
  const news: NativeGraphNews[] = [due];
  const index: LedIndex = {
    graphNews: () => Promise.resolve(news),
    beginGraph: (order, at) => {
      calls.push(`begin ${order.after} at ${at}`);
      return Promise.resolve(order.after >= 70);
    },
    showGraph: (_environment, begunAt, fingerprint) => {
      calls.push(`show ${begunAt} ${fingerprint}`);
      return Promise.resolve(begunAt === 71 ? "awaited" : "absent");
    },
    settle: () => {
      calls.push("settle");
      return Promise.resolve();
    },
  };
  const log = {
    tell: (entry: GraphEntry): Promise<boolean> => {
      told.push(entry);
      return Promise.resolve(true);
    },
  };
  const onWaited = (): unknown => calls.push("waited");
  return { graphs: new GraphLog({ index, log, group, logger: silentLogger, onWaited }), calls, told, news };
}

test("entries of the group are applied, and a graph is waited for only where answers are given", async () => {
  const { graphs, calls } = scripted();
  await graphs.apply({ ...begin, group: "1-0-other" }, 71, true);
  await graphs.apply({ ...ready, group: "2-0-abc" }, 72, true);
  expect(calls).toEqual([]);
  await graphs.apply(begin, 71, true);
  await graphs.apply(ready, 72, false);
  expect(calls).toEqual(["begin 70 at 71", "show 71 0123456789abcdef"]);
  await graphs.apply({ ...ready, begunAt: 5 }, 73, true);
  await graphs.apply(ready, 74, true);
  expect(calls.slice(2)).toEqual(["show 5 0123456789abcdef", "show 71 0123456789abcdef", "settle", "waited"]);
});

test("news are told once, and again when somebody else's graph was begun before", async () => {
  const { graphs, told, news } = scripted();
  await graphs.tell(70);
  await graphs.tell(71);
  expect(told).toEqual([begin]);
  await graphs.apply({ ...begin, after: 3 }, 72, true);
  await graphs.tell(72);
  expect(told, "that entry came too late to change anything").toHaveLength(1);
  await graphs.apply({ ...begin, from: 64, to: 96 }, 73, true);
  await graphs.tell(73);
  expect(told).toEqual([begin, { ...begin, after: 73 }]);
  news.splice(0, 1, { ...due, begunAt: 71, fingerprint: ready.fingerprint });
  await graphs.tell(74);
  expect(told.slice(2)).toEqual([ready]);
});

test("what could not be told is told again", async () => {
  const told: GraphEntry[] = [];
  const stop = new AbortController();
  const tell = async (entry: GraphEntry): Promise<boolean> => {
    told.push(entry);
    await delay(1);
    if (told.length === 1) throw new Error("the bus is away");
    stop.abort();
    return true;
  };
  const unasked = (): never => expect.fail("it is only asked for its news");
  const led = { graphNews: () => Promise.resolve([due]), beginGraph: unasked, showGraph: unasked, settle: unasked };
  await new GraphLog({ index: led, log: { tell }, group, logger: silentLogger }).tellNews(() => 70, stop.signal);
  expect(told).toEqual([begin, begin]);
});

test("a group is one version and one partition", () => {
  const groups = [
    groupOf("a", { index: 0, of: 1 }),
    groupOf("b", { index: 0, of: 1 }),
    groupOf("a", { index: 0, of: 2 }),
    groupOf("a", { index: 1, of: 2 }),
  ];
  expect(new Set(groups).size).toBe(4);
  expect(groups[3]).toMatch(/^2-1-[0-9a-f]{16}$/);
});
