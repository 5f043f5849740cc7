import type { AdmissionStatus } from "@hindcast/shared";
import { CounterMetric, fleetAccount, GaugeMetric } from "@hindcast/shared/node";
import type { Registry } from "prom-client";

/** What the admitting coordinator tells Prometheus. Campaigns are one label together: their number has no bound. */
export class AdmissionMetrics {
  readonly #lanes;
  readonly #budgets;
  readonly #zombies: CounterMetric<"hindcast_admission_zombie_settlements_total">;
  readonly #excess: CounterMetric<"hindcast_budget_excess_usd_total">;

  constructor(registry: Registry) {
    this.#lanes = {
      limit: new GaugeMetric(registry, "hindcast_lane_limit"),
      in_flight: new GaugeMetric(registry, "hindcast_lane_in_flight"),
      waiting: new GaugeMetric(registry, "hindcast_lane_waiting"),
      paused: new GaugeMetric(registry, "hindcast_lane_paused"),
    };
    this.#budgets = {
      limit: new GaugeMetric(registry, "hindcast_budget_limit_usd"),
      settled: new GaugeMetric(registry, "hindcast_budget_settled_usd"),
      escrow: new GaugeMetric(registry, "hindcast_budget_escrow_usd"),
      used: new GaugeMetric(registry, "hindcast_budget_used_ratio"),
    };
    this.#zombies = new CounterMetric(registry, "hindcast_admission_zombie_settlements_total");
    this.#excess = new CounterMetric(registry, "hindcast_budget_excess_usd_total");
  }

  show({ lanes, budgets }: Pick<AdmissionStatus, "lanes" | "budgets">): void {
    for (const { lane, concurrency, inFlight, waiting, block } of lanes) {
      this.#lanes.limit.set(concurrency, { lane });
      this.#lanes.in_flight.set(inFlight, { lane });
      this.#lanes.waiting.set(waiting, { lane });
      this.#lanes.paused.set(block === "paused" ? 1 : 0, { lane });
    }
    for (const account of [fleetAccount, "campaigns"] as const) {
      const these = budgets.filter((each) => (each.account === fleetAccount) === (account === fleetAccount));
      const sum = (of: "limitUsd" | "settledUsd" | "escrowUsd"): number =>
        these.reduce((total, each) => total + each[of], 0);
      this.#budgets.limit.set(sum("limitUsd"), { account });
      this.#budgets.settled.set(sum("settledUsd"), { account });
      this.#budgets.escrow.set(sum("escrowUsd"), { account });
      // Each by itself: the sum of many would hide the one that is at its end.
      const used = these.map(({ settledUsd, escrowUsd, limitUsd }) =>
        limitUsd > 0 ? (settledUsd + escrowUsd) / limitUsd : 1,
      );
      this.#budgets.used.set(Math.max(0, ...used), { account });
    }
  }

  /** Another process admits now: what this one knew is no longer so. */
  forget(): void {
    for (const gauge of [...Object.values(this.#lanes), ...Object.values(this.#budgets)]) gauge.reset();
  }

  zombie(): void {
    this.#zombies.inc({});
  }

  excess(usd: number): void {
    this.#excess.add(usd, {});
  }
}
