// The whole fleet in one process, in virtual time, under seeded faults (test/simulation). `npm run sim` runs as many
// seeds as one likes; here are a few hundred small campaigns, and proof that the checks can fail.
// Requirements: 5.sim.invariants, 5.sim.replay, 5.sim.weakened, 5.sim.lost-between-servers
import { describe, expect, it } from "vitest";
import { runSeeds } from "../simulation/seeds.ts";
import { simulate, type SimulationReport } from "../simulation/simulate.ts";
import type { Weakening } from "../simulation/witness.ts";

const documents = 1;

async function reportsOf(first: number, count: number, weakening: Weakening | null = null): Promise<SimulationReport[]> {
  const reports: SimulationReport[] = [];
  const onReport = (report: SimulationReport): void => void reports.push(report);
  await runSeeds({ first, count, weakening, documents, workers: 2, onReport });
  return reports;
}

/** The seeds in which something did not hold, with what it was and how to see it again. */
const broken = (reports: SimulationReport[]): object[] =>
  reports
    .filter(({ violations }) => violations.length > 0)
    .map(({ seed, violations }) => ({ replay: `npm run sim -- --seed ${seed} --documents 1 --trace`, violations }));

describe("a simulated campaign", () => {
  it("without faults ends with its demonstrations and everything at rest", async () => {
    const report = await simulate({ seed: 1, documents, isUndisturbed: true });
    expect(report).toMatchObject({ violations: [], faults: {}, tasks: 4 });
    expect(report.demonstrations).toHaveLength(12);
  });

  it("holds its invariants under faults of every kind, and comes to the same demonstrations", async () => {
    const reports = await reportsOf(1, 100);
    expect(broken(reports)).toEqual([]);
    const kinds = new Set(reports.flatMap(({ faults }) => Object.keys(faults)));
    expect(kinds.size).toBeGreaterThanOrEqual(19);
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
});
