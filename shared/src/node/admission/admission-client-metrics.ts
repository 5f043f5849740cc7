import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What a process that sends requests tells Prometheus of their admission. Lanes are few: providers, keys, families. */
export class AdmissionClientMetrics {
  readonly #wait: Histogram<"lane" | "by">;
  readonly #failures: Counter<"reason">;
  readonly #away: Gauge;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#wait = new Histogram({
      name: "hindcast_lane_wait_seconds",
      help: "Time from asking for admission to having it, by lane and by who gave it.",
      labelNames: ["lane", "by"],
      buckets: [0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5, 20, 60, 300, 1800],
      registers,
    });
    this.#failures = new Counter({
      name: "hindcast_lane_retry_total",
      help: "Requests to providers that were not answered, by reason.",
      labelNames: ["reason"],
      registers,
    });
    this.#away = new Gauge({
      name: "hindcast_admission_away",
      help: "1 while nobody admits for the fleet and this process uses its share of the lanes.",
      registers,
    });
  }

  admitted(lane: string, by: "fleet" | "share", seconds: number): void {
    this.#wait.observe({ lane, by }, seconds);
  }

  failed(reason: string): void {
    this.#failures.inc({ reason });
  }

  away(isAway: boolean): void {
    this.#away.set(isAway ? 1 : 0);
  }
}
