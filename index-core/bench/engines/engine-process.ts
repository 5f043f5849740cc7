// A process with one engine of Node's: `engine-process.ts <engine>`, one JSON request a line, one JSON reply a line.
import { mkdirSync, readdirSync, readFileSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { readMeta } from "../data/data-set.ts";
import { createEngine } from "./create-engine.ts";
import type {
  BuildReply,
  BuildRequest,
  MemoryReply,
  OpenReply,
  OpenRequest,
  RoundReply,
  RoundRequest,
  Runner,
  ThroughputReply,
  ThroughputRequest,
} from "./engine.ts";

type Request = BuildRequest | OpenRequest | RoundRequest | ThroughputRequest | { op: "memory" };

const engine = await createEngine(process.argv[2] ?? "");
let before: MemoryReply = { anonymous: 0, mapped: 0 };
let queries = 0;

for await (const line of createInterface({ input: process.stdin })) {
  console.log(JSON.stringify(await answer(JSON.parse(line) as Request)));
}
await engine.close();
process.exit(0);

async function answer(request: Request): Promise<object> {
  try {
    if (request.op === "build") return await build(request);
    if (request.op === "open") return await open(request);
    if (request.op === "round") return await round(request);
    if (request.op === "throughput") return await throughput(request);
    const now = memory();
    return { anonymous: now.anonymous - before.anonymous, mapped: now.mapped - before.mapped } satisfies MemoryReply;
  } catch (error) {
    return { error: error instanceof Error ? error.message : String(error) };
  }
}

async function build({ data, folder, threads }: BuildRequest): Promise<BuildReply> {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const startedAt = performance.now();
  await engine.build(data, folder, threads);
  return { seconds: (performance.now() - startedAt) / 1_000, bytes: bytesOf(folder) };
}

async function open(request: OpenRequest): Promise<OpenReply> {
  queries = readMeta(request.data)?.queries ?? 0;
  globalThis.gc?.();
  before = memory();
  const startedAt = performance.now();
  await engine.open(request);
  return { milliseconds: performance.now() - startedAt };
}

async function round({ variant, ef, k, filter, from, to }: RoundRequest): Promise<RoundReply> {
  const runner = engine.runner({ variant, ef, k, filter });
  const results: unknown[] = [];
  const micros: number[] = [];
  for (let query = from; query < to; query += 1) {
    const startedAt = performance.now();
    // A synchronous engine is not made to wait for a turn of the event loop.
    const result = runner.isAsync ? await runner.run(query) : runner.run(query);
    micros.push(Math.round((performance.now() - startedAt) * 10_000) / 10);
    results.push(result);
  }
  return { micros, ids: await runner.ids(results) };
}

async function throughput(request: ThroughputRequest): Promise<ThroughputReply> {
  const { variant, ef, k, threads, seconds } = request;
  const options = { variant, ef, k, filter: null };
  const runner = engine.runner(options);
  const batch = engine.batch?.(options, threads);
  if (batch === undefined && !runner.isAsync && threads > 1) return { perSecond: null };
  const startedAt = performance.now();
  const until = startedAt + seconds * 1_000;
  let done = 0;
  if (batch === undefined) done = await singles(runner, threads, until);
  else while (performance.now() < until) done += batch();
  return { perSecond: (done * 1_000) / (performance.now() - startedAt) };
}

/** Single queries, as many in flight as there are threads to use. */
async function singles(runner: Runner, inFlight: number, until: number): Promise<number> {
  let done = 0;
  const lane = async (): Promise<void> => {
    while (performance.now() < until) {
      await runner.run(done % queries);
      done += 1;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, lane));
  return done;
}

/** Anonymous and file-mapped resident MiB of this process; zeros where the system does not tell. */
function memory(): MemoryReply {
  const status = process.platform === "linux" ? readFileSync("/proc/self/status", "utf8") : "";
  const mebibytes = (name: string): number => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0) / 1_024;
  return { anonymous: mebibytes("RssAnon"), mapped: mebibytes("RssFile") };
}

function bytesOf(folder: string): number {
  return readdirSync(folder, { recursive: true, encoding: "utf8" })
    .map((name) => statSync(join(folder, name)))
    .reduce((sum, entry) => sum + (entry.isFile() ? entry.size : 0), 0);
}
