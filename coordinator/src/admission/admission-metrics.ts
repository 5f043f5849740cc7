import type { AdmissionStatus } from "@hindcast/shared";
import { fleetAccount } from "@hindcast/shared/node";
import { Counter, Gauge, type Registry } from "prom-client";

const laneGauges = {
  limit: "Requests at once that a lane bears now.",
  in_flight: "Admitted requests that are not settled, by lane.",
  waiting: "Requests that wait for admission, by lane.",
  paused: "1 while a lane is paused (spend limit, daily quota), by lane.",
} as const;
const budgetGauges = {
  limit: "Dollar limits: the fleet's, and those of all campaigns together.",
  settled: "Dollars that are spent of them.",
  escrow: "Dollars that are reserved by requests under way.",
} as const;

type LaneGauge = keyof typeof laneGauges;
type BudgetGauge = keyof typeof budgetGauges;

/** What the admitting coordinator tells Prometheus. Campaigns are one label together: their number has no bound. */
export class AdmissionMetrics {
  readonly #lanes: Record<LaneGauge, Gauge<"lane">>;
  readonly #budgets: Record<BudgetGauge, Gauge<"account">>;
  readonly #zombies: Counter;
  readonly #excess: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    const lane = (name: LaneGauge): Gauge<"lane"> =>
      new Gauge({ name: `hindcast_lane_${name}`, help: laneGauges[name], labelNames: ["lane"], registers });
    const budget = (name: BudgetGauge): Gauge<"account"> =>
      new Gauge({ name: `hindcast_budget_${name}_usd`, help: budgetGauges[name], labelNames: ["account"], registers });
    this.#lanes = {
      limit: lane("limit"),
      in_flight: lane("in_flight"),
      waiting: lane("waiting"),
      paused: lane("paused"),
    };
    this.#budgets = { limit: budget("limit"), settled: budget("settled"), escrow: budget("escrow") };
    this.#zombies = new Counter({
      name: "hindcast_admission_zombie_settlements_total",
      help: "Settlements that were ignored because their reservation had expired or was settled before.",
      registers,
    });
    this.#excess = new Counter({
      name: "hindcast_budget_excess_usd_total",
      help: "Dollars that requests cost beyond the most that they were estimated to cost.",
      registers,
    });
  }

  show({ lanes, budgets }: Pick<AdmissionStatus, "lanes" | "budgets">): void {
    for (const { lane, concurrency, inFlight, waiting, block } of lanes) {
      this.#lanes.limit.set({ lane }, concurrency);
      this.#lanes.in_flight.set({ lane }, inFlight);
      this.#lanes.waiting.set({ lane }, waiting);
      this.#lanes.paused.set({ lane }, block === "paused" ? 1 : 0);
    }
    for (const account of [fleetAccount, "campaigns"]) {
      const these = budgets.filter((each) => (each.account === fleetAccount) === (account === fleetAccount));
      const sum = (of: "limitUsd" | "settledUsd" | "escrowUsd"): number =>
        these.reduce((total, each) => total + each[of], 0);
      this.#budgets.limit.set({ account }, sum("limitUsd"));
      this.#budgets.settled.set({ account }, sum("settledUsd"));
      this.#budgets.escrow.set({ account }, sum("escrowUsd"));
    }
  }

  /** Another process admits now: what this one knew is no longer so. */
  forget(): void {
    for (const gauge of [...Object.values(this.#lanes), ...Object.values(this.#budgets)]) gauge.reset();
  }

  zombie(): void {
    this.#zombies.inc();
  }

  excess(usd: number): void {
    if (usd > 0) this.#excess.inc(usd);
  }
}
