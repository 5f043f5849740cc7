// A collection beside other work: the event loop stays free, worker threads come and go, and `searchInto` is `search`.
// Requirements: 4.1.binding
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { Worker } from "node:worker_threads";
import { describe, expect, onTestFinished, test } from "vitest";
import { Collection, type CollectionOptions } from "./collection.ts";

const module = new URL("collection.ts", import.meta.url).href;
const execArgv = ["--conditions=source"];

async function aCollection(changes: Partial<CollectionOptions> = {}): Promise<Collection> {
  const collection = await Collection.open({ dimensions: 64, embedder: "test", field: "query", ...changes });
  onTestFinished(async () => await collection.close());
  return collection;
}

/** Numbers in (-1, 1) that are the same in every run. */
function noise(length: number, seed: number): Float32Array {
  let state = seed;
  return Float32Array.from({ length }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

const idsUpTo = (count: number): string[] => Array.from({ length: count }, (_, at) => `row-${at}`);

describe("the event loop", () => {
  /** Longest time in milliseconds that it was held while `work` ran. */
  async function longestHold(work: () => Promise<unknown>): Promise<number> {
    const delay = monitorEventLoopDelay({ resolution: 1 });
    await new Promise((resolve) => setTimeout(resolve, 10));
    delay.enable();
    await work();
    delay.disable();
    return delay.max / 1e6;
  }

  test("is free while 10,000 rows are added, and while they get a graph", async () => {
    const collection = await aCollection({ graphRowsMin: 1_000 });
    const [ids, vectors] = [idsUpTo(10_000), noise(640_000, 1)];
    const queries = noise(64 * 500, 2);
    // The ids are converted in the call: a few milliseconds. On the loop, the build would hold it for seconds.
    const adding = await longestHold(() => collection.upsert({ ids, vectors }));
    const startedAt = performance.now();
    const building = await longestHold(() => collection.optimise());
    const builtFor = performance.now() - startedAt;
    const searching = await longestHold(() => collection.search({ vectors: queries, k: 10, mode: "exact" }));
    expect(await collection.stats()).toMatchObject({ rows: 10_000, graphRows: 10_000, problem: null });
    expect(builtFor).toBeGreaterThan(200);
    for (const held of [adding, building, searching]) expect(held).toBeLessThan(150);
  });
});

test("the queries of one call see one state, whatever is written meanwhile", async () => {
  const collection = await aCollection();
  const vectors = noise(64 * 20_000, 5);
  await collection.upsert({ ids: idsUpTo(20_000), vectors });
  const asked = vectors.slice(64, 128);
  const many = new Float32Array(64 * 5_000);
  for (let at = 0; at < many.length; at += 64) many.set(asked, at);
  const searching = collection.search({ vectors: many, k: 1, mode: "exact" });
  // The row that was nearest is now another, under a higher number.
  await collection.upsert({ ids: ["row-1"], vectors: asked });
  const { rows } = await searching;
  expect(new Set(rows).size).toBe(1);
});

describe("searchInto", () => {
  test("answers as search does, from a scan and from a graph", async () => {
    const collection = await aCollection({ graphRowsMin: 1_000 });
    await collection.upsert({ ids: idsUpTo(3_000), vectors: noise(192_000, 3) });
    for (const hasGraph of [false, true]) {
      if (hasGraph) await collection.optimise();
      for (let seed = 10; seed < 40; seed += 1) {
        const vector = noise(64, seed);
        const { rows, scores } = await collection.search({ vectors: vector, k: 20 });
        const [into, intoScores] = [new Uint32Array(20), new Float32Array(20)];
        expect(collection.searchInto(vector, 64, into, intoScores)).toBe(20);
        expect(into).toEqual(rows);
        expect(intoScores).toEqual(scores);
      }
    }
  });

  test("leaves untouched what it has no result for", async () => {
    const collection = await aCollection({ dimensions: 2 });
    await collection.upsert({ ids: ["a"], vectors: Float32Array.of(1, 0) });
    const [rows, scores] = [new Uint32Array(3).fill(9), new Float32Array(3).fill(9)];
    expect(collection.searchInto(Float32Array.of(1, 0), 64, rows, scores)).toBe(1);
    expect([[...rows], [...scores]]).toEqual([
      [0, 9, 9],
      [1, 9, 9],
    ]);
  });

  test("makes no garbage: 100,000 calls leave less than 5 bytes each", async () => {
    const collection = await aCollection({ dimensions: 4 });
    await collection.upsert({ ids: ["a", "b"], vectors: noise(8, 5) });
    const [vector, rows, scores] = [noise(4, 6), new Uint32Array(2), new Float32Array(2)];
    const madeBy = (calls: number): number => {
      const before = process.memoryUsage().heapUsed;
      for (let call = 0; call < calls; call += 1) collection.searchInto(vector, 64, rows, scores);
      return process.memoryUsage().heapUsed - before;
    };
    madeBy(20_000); // compiled by now
    // A collection in between makes the figure negative; the largest of five tells.
    const most = Math.max(...Array.from({ length: 5 }, () => madeBy(100_000)));
    expect(most).toBeLessThan(500_000);
  });
});

describe("worker threads", () => {
  const source = `
    const { parentPort, workerData } = require("node:worker_threads");
    import(${JSON.stringify(module)}).then(async ({ Collection }) => {
      const collection = await Collection.open({ dimensions: 2, embedder: "test", field: "query" });
      await collection.upsert({ ids: ["a", "b"], vectors: Float32Array.of(1, 0, 0, 1) });
      const { rows } = await collection.search({ vectors: Float32Array.of(0, 1), k: 1 });
      const ids = await collection.resolve(rows);
      if (workerData === "stay") {
        const many = new Float32Array(20_000).fill(1);
        for (let at = 0; at < 50; at += 1) collection.search({ vectors: many, k: 2 }).catch(() => {});
        setInterval(() => {}, 1_000);
      } else await collection.close();
      parentPort.postMessage(ids);
    });
  `;
  const started = (workerData: string): { answer: Promise<unknown>; worker: Worker; end: Promise<number> } => {
    const worker = new Worker(source, { eval: true, workerData, execArgv });
    const answer = new Promise((resolve, reject) => worker.once("message", resolve).once("error", reject));
    const end = new Promise<number>((resolve) => worker.once("exit", resolve));
    return { answer, worker, end };
  };

  test("load the library, beside the main thread and each other, and end by themselves", async () => {
    const collection = await aCollection({ dimensions: 2 });
    await collection.upsert({ ids: ["main"], vectors: Float32Array.of(1, 0) });
    const workers = [started("end"), started("end"), started("end")];
    expect(await Promise.all(workers.map(({ answer }) => answer))).toEqual([["b"], ["b"], ["b"]]);
    expect(await Promise.all(workers.map(({ end }) => end))).toEqual([0, 0, 0]);
    const { rows } = await collection.search({ vectors: Float32Array.of(1, 0), k: 1 });
    expect(await collection.resolve(rows)).toEqual(["main"]);
  });

  test("may be terminated while searches are under way; the others go on", async () => {
    const collection = await aCollection({ dimensions: 2 });
    for (let round = 0; round < 3; round += 1) {
      const { answer, worker, end } = started("stay");
      expect(await answer).toEqual(["b"]);
      await worker.terminate();
      expect(await end).toBe(1);
    }
    await collection.upsert({ ids: ["main"], vectors: Float32Array.of(1, 0) });
    expect((await collection.stats()).rows).toBe(1);
  });
});

describe("the process", () => {
  const run = (body: string): { status: number | null; output: string } => {
    const program = `import { Collection } from ${JSON.stringify(module)};
      const collection = await Collection.open({ dimensions: 64, embedder: "test", field: "query", graphRowsMin: 1000 });
      ${body}`;
    const cwd = fileURLToPath(new URL("../", import.meta.url));
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [...execArgv, "--input-type=module", "-e", program],
      {
        cwd,
        encoding: "utf8",
        timeout: 15_000,
      },
    );
    return { status, output: stdout + stderr };
  };
  const fill = `const vectors = Float32Array.from({ length: 64 * 10_000 }, (_, at) => Math.sin(at * at));
    await collection.upsert({ ids: Array.from({ length: 10_000 }, (_, at) => String(at)), vectors });`;

  test("ends by itself although a collection was left open", () => {
    expect(run("")).toEqual({ status: 0, output: "" });
  });

  test("may exit in the middle of a build", () => {
    expect(run(`${fill} void collection.optimise(); setTimeout(() => process.exit(7), 50);`)).toEqual({
      status: 7,
      output: "",
    });
  });
});
