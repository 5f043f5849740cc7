import { EndReason, type EpisodeEnded, type FunnelStage } from "@hindcast/shared";

const stageNames = ["documents", "tasks", "episodes", "windows", "candidates", "replay", "demonstrations"] as const;
export type StageName = (typeof stageNames)[number];

/** Counts what became of everything: within a stage each item is counted in exactly one bucket. */
export class Funnel {
  readonly #stages = new Map<StageName, Map<string, number>>(
    stageNames.map((name) => [name, new Map<string, number>()]),
  );

  readonly #startedAt = Date.now();
  /** Steps of all episodes, those of the evaluation too. */
  steps = 0;
  /** Those of episodes that ended since this run of the campaign began: a run that goes on did not do the others. */
  stepsOfThisRun = 0;

  addSteps({ steps, endedAt }: Pick<EpisodeEnded, "steps" | "endedAt">): void {
    this.steps += steps;
    if (Date.parse(endedAt) >= this.#startedAt) this.stepsOfThisRun += steps;
  }

  count(stage: StageName, bucket: string, items = 1): void {
    const buckets = this.#stages.get(stage);
    if (items > 0) buckets?.set(bucket, (buckets.get(bucket) ?? 0) + items);
  }

  /** Counts what was counted elsewhere, by a stage that ran on another coordinator. */
  merge(stages: readonly FunnelStage[]): void {
    for (const { name, counts } of stages) {
      const known = stageNames.find((stage) => stage === name);
      if (known === undefined) continue;
      for (const [bucket, items] of Object.entries(counts)) this.count(known, bucket, items);
    }
  }

  total(stage: StageName): number {
    return [...(this.#stages.get(stage)?.values() ?? [])].reduce((sum, items) => sum + items, 0);
  }

  stages(): FunnelStage[] {
    return [...this.#stages].map(([name, buckets]) => ({
      name,
      total: this.total(name),
      counts: Object.fromEntries([...buckets].sort(([a], [b]) => a.localeCompare(b))),
    }));
  }

  /** The closed set of end reasons, each with its count: it adds up to the number of episodes. */
  outcomes(): Record<EndReason, number> {
    const buckets = this.#stages.get("episodes");
    return Object.fromEntries(EndReason.options.map((reason) => [reason, buckets?.get(reason) ?? 0])) as Record<
      EndReason,
      number
    >;
  }
}
