import type { EndReason } from "@hindcast/shared";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";

/** What a rollout agent tells Prometheus. Labels are bounded: never an id. */
export class AgentMetrics {
  readonly #episodes: Counter<"outcome">;
  readonly #duration: Histogram<"outcome">;
  readonly slots: Gauge;
  readonly sandboxesReaped: Counter;

  constructor(registry: Registry) {
    const registers = [registry];
    this.#episodes = new Counter({
      name: "hindcast_episodes_total",
      help: "Episodes ended, by end reason.",
      labelNames: ["outcome"],
      registers,
    });
    this.#duration = new Histogram({
      name: "hindcast_episode_duration_seconds",
      help: "Wall time of an episode's last attempt.",
      labelNames: ["outcome"],
      buckets: [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3600],
      registers,
    });
    this.sandboxesReaped = new Counter({
      name: "hindcast_sandboxes_reaped_total",
      help: "Sandbox processes on this machine that were ended because their owner had lost its lease.",
      registers,
    });
    this.slots = new Gauge({
      name: "hindcast_worker_slots",
      help: "Episodes that this worker runs at once.",
      registers,
    });
  }

  episodeEnded(outcome: EndReason, seconds: number): void {
    this.#episodes.inc({ outcome });
    this.#duration.observe({ outcome }, seconds);
  }
}
