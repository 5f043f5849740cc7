// Two replicas of an index follow one stream, with the permissions of a replica, and tell each other of their graphs.
// Requirements: 4.6.replicas
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DemonstrationIndex, DemonstrationProjection, embed, GraphLog, groupOf } from "@hindcast/index-core";
import { type Bus, silentLogger } from "@hindcast/shared/node";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { aNatsServer, type TestNats } from "../support/nats-server.ts";
import { aDemonstrationOf } from "../support/retrieval.ts";

const patience = { timeout: 20_000, interval: 20 };
let nats: TestNats;
let coordinator: Bus;
let directory: string;
let running: Replica[];

beforeEach(async () => {
  nats = await aNatsServer();
  coordinator = await nats.coordinator();
  directory = await mkdtemp(join(tmpdir(), "hindcast-replicas-"));
  running = [];
});
afterEach(async () => {
  for (const replica of running) await replica.kill();
  await nats[Symbol.asyncDispose]();
  await rm(directory, { recursive: true, force: true });
});

class Replica {
  readonly index: DemonstrationIndex;
  readonly #projection: DemonstrationProjection;
  readonly #graphs: GraphLog;
  readonly #stop = new AbortController();
  readonly #following: Promise<void>;

  private constructor(index: DemonstrationIndex, bus: Bus) {
    this.index = index;
    const group = groupOf(index.version, { index: 0, of: 1 });
    const common = { index: index.trusting, log: bus.demonstrations, logger: silentLogger };
    this.#graphs = new GraphLog({ ...common, group });
    this.#projection = new DemonstrationProjection({ ...common, graphs: this.#graphs });
    this.#following = this.#projection.run(this.#stop.signal);
    this.#following.catch(() => undefined);
  }

  static async start(name: string): Promise<Replica> {
    const folder = join(directory, name);
    const index = await DemonstrationIndex.open({ folder, graphRowsMin: 32, graphsFollowLog: true });
    const replica = new Replica(index, await nats.connect("index-core"));
    running.push(replica);
    await replica.#projection.catchUp(replica.#stop.signal);
    return replica;
  }

  get sequence(): number {
    return this.#projection.appliedSequence;
  }

  async tell(): Promise<void> {
    await this.#graphs.tell(this.#projection.appliedSequence);
  }

  async reach(sequence: number): Promise<void> {
    await this.#projection.reached(sequence, this.#stop.signal);
  }

  async kill(): Promise<void> {
    this.#stop.abort();
    await this.#following.catch(() => undefined);
    await this.index.close();
  }
}

async function put(from: number, to: number, version: string): Promise<number> {
  let sequence = 0;
  for (let id = from; id < to; id += 1) {
    const instruction = `Find ${version} number ${id * 7} in folder ${id % 5}`;
    sequence = await coordinator.demonstrations.put(aDemonstrationOf(id, { instruction }));
  }
  return sequence;
}

const answersOf = async ({ index }: Replica): Promise<unknown> =>
  await index.searchVectors({
    environment: "shell",
    embedder: "hash-v1",
    vectors: await embed(["Find old number 70", "Find new number 21 in folder 3", "folder 4"]),
    k: 10,
    filter: null,
    exclude: { demonstrations: [], tasks: [], documents: [], episodes: [] },
    mode: "graph",
  });

/** Until the log ends at `sequence`, which entries of graphs bring about; then all of them are there. */
async function toldTo(sequence: number, told: Replica[], all = told): Promise<void> {
  await vi.waitFor(async () => {
    await Promise.all(told.map((replica) => replica.tell()));
    expect(await coordinator.demonstrations.lastSequence()).toBe(sequence);
  }, patience);
  for (const replica of all) await replica.reach(sequence);
}

const graphRows = async ({ index }: Replica): Promise<number> => (await index.stats()).graphRows;
const diverged = async ({ index }: Replica): Promise<number> => (await index.stats()).diverged;

test("replicas search the same graphs at the same sequence, also after one was killed in between", async () => {
  const first = await Replica.start("first");
  let second = await Replica.start("second");
  await put(0, 70, "old");
  await toldTo(72, [first, second]);
  expect(await Promise.all([first, second].map(graphRows))).toEqual([63, 63]);
  expect(await answersOf(second)).toEqual(await answersOf(first));

  // More than a fifth of the graph is replaced, and the log begins another one.
  await put(10, 26, "new");
  await first.reach(88);
  await vi.waitFor(async () => {
    await first.tell();
    expect(await coordinator.demonstrations.lastSequence()).toBeGreaterThan(88);
  }, patience);
  await second.reach(89);
  await second.index.checkpoint(89);
  await second.kill();
  // What is replaced now is in that graph, which is first searched while the other replica is away.
  await put(30, 33, "newer");
  await toldTo(93, [first]);
  second = await Replica.start("second");
  expect(second.sequence).toBe(93);
  expect(await Promise.all([first, second].map(graphRows))).toEqual([44, 44]);
  expect(await answersOf(second)).toEqual(await answersOf(first));
  expect(await diverged(second)).toBe(0);
});

test("a replica of the compacted stream says which graphs are not the others', and has all build them anew", async () => {
  const first = await Replica.start("first");
  await put(0, 70, "old");
  await toldTo(72, [first]);
  await first.reach(await put(0, 3, "new"));
  const late = await Replica.start("late");
  expect(late.sequence).toBe(first.sequence);
  expect(await diverged(late)).toBe(1);
  await toldTo(77, [late, first]);
  expect(await Promise.all([first, late].map(graphRows))).toEqual([60, 60]);
  expect(await answersOf(late)).toEqual(await answersOf(first));
  expect(await Promise.all([first, late].map(diverged))).toEqual([0, 1]);
});
