// What a coordinator tells Prometheus of the work of campaigns that it does itself: stages, votes, rulings, replays, and
// the funnels of the campaigns that it leads.
import type { Ruling, StageEnded, StageTask } from "@hindcast/shared";
import { CounterMetric, GaugeMetric, HistogramMetric, type LabelsOf } from "@hindcast/shared/node";
import type { Registry } from "prom-client";
import type { Funnel } from "./funnel.ts";

type Agreement = LabelsOf<"hindcast_committee_agreement_total">["agreement"];
type FunnelLabels = LabelsOf<"hindcast_funnel_items">;

export class CoordinatorMetrics {
  readonly #stages: HistogramMetric<"hindcast_stage_seconds">;
  readonly #votes: CounterMetric<"hindcast_committee_votes_total">;
  readonly #rulings: CounterMetric<"hindcast_committee_rulings_total">;
  readonly #agreement: CounterMetric<"hindcast_committee_agreement_total">;
  readonly #replays: CounterMetric<"hindcast_replay_verdicts_total">;
  readonly #stored: CounterMetric<"hindcast_demonstrations_stored_total">;
  readonly #led = new Set<Pick<Funnel, "stages">>();
  /** Of campaigns that were led to their end here. */
  readonly #ended = new Map<string, number>();

  constructor(registry: Registry) {
    this.#stages = new HistogramMetric(registry, "hindcast_stage_seconds");
    this.#votes = new CounterMetric(registry, "hindcast_committee_votes_total");
    this.#rulings = new CounterMetric(registry, "hindcast_committee_rulings_total");
    this.#agreement = new CounterMetric(registry, "hindcast_committee_agreement_total");
    this.#replays = new CounterMetric(registry, "hindcast_replay_verdicts_total");
    this.#stored = new CounterMetric(registry, "hindcast_demonstrations_stored_total");
    const led: GaugeMetric<"hindcast_campaigns_led"> = new GaugeMetric(registry, "hindcast_campaigns_led", {
      collect: () => led.set(this.#led.size, {}),
    });
    const items: GaugeMetric<"hindcast_funnel_items"> = new GaugeMetric(registry, "hindcast_funnel_items", {
      collect: () => {
        items.reset();
        for (const [key, count] of this.#items()) items.set(count, JSON.parse(key) as FunnelLabels);
      },
    });
  }

  stageEnded(stage: StageTask["kind"], outcome: StageEnded["outcome"], seconds: number): void {
    this.#stages.observe(seconds, { stage, outcome });
  }

  /** Of the last round: each verdict counts once, however often an abstaining judge was asked. */
  ruled({ outcome, verdicts }: Ruling): void {
    for (const { judge, answer } of verdicts) this.#votes.inc({ judge, answer });
    this.#rulings.inc({ outcome });
    this.#agreement.inc({ agreement: agreementOf(verdicts.map(({ answer }) => answer)) });
  }

  replayed(verdict: LabelsOf<"hindcast_replay_verdicts_total">["verdict"]): void {
    this.#replays.inc({ verdict });
  }

  demonstrationStored(): void {
    this.#stored.inc({});
  }

  /** @returns how to let go of it: of a campaign that came to its end the counts stay, another leader counts the others anew. */
  leads(funnel: Pick<Funnel, "stages">): (isOver: boolean) => void {
    this.#led.add(funnel);
    return (isOver) => {
      this.#led.delete(funnel);
      if (isOver) addTo(this.#ended, funnel);
    };
  }

  #items(): Map<string, number> {
    const items = new Map(this.#ended);
    for (const funnel of this.#led) addTo(items, funnel);
    return items;
  }
}

function addTo(items: Map<string, number>, funnel: Pick<Funnel, "stages">): void {
  for (const { name, counts } of funnel.stages()) {
    for (const [bucket, count] of Object.entries(counts)) {
      const key = JSON.stringify({ stage: name, bucket: bucketLabel(bucket) });
      items.set(key, (items.get(key) ?? 0) + count);
    }
  }
}

/** Buckets name judges, rules and needs; as a label they do not. */
function bucketLabel(bucket: string): string {
  return bucket.startsWith("rejected by ") ? "rejected" : (bucket.split(":")[0] ?? bucket);
}

function agreementOf(answers: readonly string[]): Agreement {
  if (answers.at(-1) === "no") return answers.includes("yes") ? "overruled" : "first-no";
  return answers.includes("abstain") ? "abstained" : "unanimous";
}
