import type { Registry } from "prom-client";
import { CounterMetric, GaugeMetric, HistogramMetric, type LabelsOf } from "../telemetry/metrics.ts";

/** What a process that sends requests tells Prometheus of their admission. Lanes are few: providers, keys, families. */
export class AdmissionClientMetrics {
  readonly #wait: HistogramMetric<"hindcast_lane_wait_seconds">;
  readonly #failures: CounterMetric<"hindcast_lane_retry_total">;
  readonly #away: GaugeMetric<"hindcast_admission_away">;

  constructor(registry: Registry) {
    this.#wait = new HistogramMetric(registry, "hindcast_lane_wait_seconds");
    this.#failures = new CounterMetric(registry, "hindcast_lane_retry_total");
    this.#away = new GaugeMetric(registry, "hindcast_admission_away");
  }

  admitted(lane: string, by: "fleet" | "share", seconds: number): void {
    this.#wait.observe(seconds, { lane, by });
  }

  failed(reason: LabelsOf<"hindcast_lane_retry_total">["reason"]): void {
    this.#failures.inc({ reason });
  }

  away(isAway: boolean): void {
    this.#away.set(isAway ? 1 : 0, {});
  }
}
