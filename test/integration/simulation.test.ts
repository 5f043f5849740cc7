// The whole fleet in one process, in virtual time, under seeded faults (test/simulation). `npm run sim` runs as many
// seeds as one likes; here are a few hundred small campaigns, and proof that the checks can fail.
// Requirements: 5.8.simulated, 5.sim.invariants, 5.sim.replay, 5.sim.weakened, 5.sim.lost-between-servers
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { faultKinds } from "../simulation/nemesis.ts";
import { type RunSettings, runSeeds } from "../simulation/seeds.ts";
import { simulate, type SimulationReport } from "../simulation/simulate.ts";
import { SimulatedCluster } from "../simulation/cluster.ts";

const documents = 1;

async function reportsOf(count: number, settings: RunSettings = {}): Promise<SimulationReport[]> {
  const reports: SimulationReport[] = [];
  const onReport = (report: SimulationReport): void => void reports.push(report);
  await runSeeds({ ...settings, first: 1, count, documents, workers: 2, onReport });
  return reports;
}

/** The seeds in which something did not hold, with what it was and how to see it again. */
const broken = (reports: SimulationReport[]): object[] =>
  reports
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => ({ replay: `npm run sim -- --seed ${seed} --documents 1 --trace`, violations }));

// Processor time, not waiting: a busy machine takes several times as long.
describe("a simulated campaign", { timeout: 240_000 }, () => {
  it("without faults ends with its demonstrations and everything at rest", async () => {
    const report = await simulate({ seed: 1, documents, isUndisturbed: true });
    expect(report).toMatchObject({ violations: [], faults: {}, tasks: 6 });
    expect(report.demonstrations).toHaveLength(12);
  });

  it("holds its invariants under faults of every kind, and comes to the same demonstrations", async () => {
    const reports = await reportsOf(100);
    expect(broken(reports)).toEqual([]);
    // Some had a limit in their way, and some had one that was enough.
    const ends = new Set(reports.filter(({ costUsdMax }) => costUsdMax !== null).map(({ end }) => end));
    expect([...ends].sort()).toEqual(["failed", "finished"]);
    // Whose campaign had no limit in its way is nearly always whole, and then its demonstrations are compared.
    const unlimited = reports.filter(({ costUsdMax }) => costUsdMax === null);
    expect(unlimited.filter(({ isCompared }) => isCompared).length).toBeGreaterThan(unlimited.length / 2);
    const kinds = new Set(reports.flatMap(({ faults }) => Object.keys(faults)));
    // One or two are rare in so few runs.
    expect(kinds.size).toBeGreaterThan(faultKinds.length - 3);
  });

  it("is judged when those who slept or were cut off at its end have acted", async () => {
    const struck = { only: ["zombie" as const], struck: "coordinator-" };
    const { trace } = await simulate({ seed: 1, documents, ...struck, isTraced: true });
    const at = (what: string): number => Number.parseFloat(trace.find((line) => line.endsWith(` ${what}`)) ?? "NaN");
    expect(at("judged") - at("healed")).toBeGreaterThanOrEqual(30);
  });

  it("is the same, event by event, under the same seed, and another under another", async () => {
    const [first, again, other] = [
      await simulate({ seed: 7, documents, isTraced: true }),
      await simulate({ seed: 7, documents, isTraced: true }),
      await simulate({ seed: 8, documents }),
    ];
    expect(again.trace).toEqual(first.trace);
    expect(again.digest).toBe(first.digest);
    expect(other.digest).not.toBe(first.digest);
  });

  it.each<[RunSettings, string, number]>([
    // Two in five seeds meet the missing fence.
    [{ weakening: "fencing off", only: ["pause", "redelivery"] }, "I4", 12],
    [{ weakening: "journal off", only: ["crash"] }, "bought twice", 6],
    [{ weakening: "ack before commit", only: ["crash"], struck: "w-" }, "I1", 6],
    [{ weakening: "reservations off", only: [], costUsdMax: 0.05 }, "over budget", 6],
    [{ weakening: "worlds never closed", only: [] }, "leaked world", 1],
  ])("is caught when a safeguard is taken out: %j breaks %s", async (settings, invariant, seeds) => {
    const reports = await reportsOf(seeds, settings);
    const found = new Set(reports.flatMap(({ violations }) => violations.map((violation) => violation.invariant)));
    expect(found).toContain(invariant);
    // It is the missing safeguard and not the faults.
    expect(broken(await reportsOf(seeds, { ...settings, weakening: null }))).toEqual([]);
  });
});

describe("a message that gets lost between two servers, while the connection holds", () => {
  it.each(["first", "middle", "last"])("is asked for again by who follows a stream: the %s of five", async (which) => {
    using cluster = new SimulatedCluster(1);
    const lost = { first: 1, middle: 3, last: 5 }[which];
    let deliveries = 0;
    cluster.network.fate = (message) =>
      message.reply?.startsWith("$JS.ACK.") && ++deliveries === lost ? "lost" : "kept";
    const followed = await cluster.perform("coordinator", async (bus) => {
      await bus.ensureTopology({ pools: ["shell"], replicas: 1, tasksBytesMax: 1_000_000 });
      const records = bus.records("CAMPAIGNS", z.strictObject({ v: z.literal(1) }));
      for (const key of ["a", "b", "c", "d", "e"]) await records.put(key, { v: 1 });
      const keys: string[] = [];
      for await (const { key } of records.watch(new AbortController().signal)) if (keys.push(key) === 5) break;
      return keys;
    });
    expect(followed).toEqual(["a", "b", "c", "d", "e"]);
  });

  it("is asked for again by who reads a range", async () => {
    using cluster = new SimulatedCluster(1);
    let parts = 0;
    cluster.network.fate = ({ headers }) =>
      headers.some(([name]) => name === "Nats-Sequence") && ++parts === 2 ? "lost" : "kept";
    const entries = await cluster.perform("coordinator", async (bus) => {
      await bus.ensureTopology({ pools: ["shell"], replicas: 1, tasksBytesMax: 1_000_000 });
      const records = bus.records("CAMPAIGNS", z.strictObject({ v: z.literal(1) }));
      for (const key of ["a", "b", "c"]) await records.put(key, { v: 1 });
      return records.entries();
    });
    expect(entries.map(({ key }) => key)).toEqual(["a", "b", "c"]);
  });
});
