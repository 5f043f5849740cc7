import type { EndReason, Evaluation, Step } from "@hindcast/shared";
import { CounterMetric, GaugeMetric, HistogramMetric, type LabelsOf } from "@hindcast/shared/node";
import type { Registry } from "prom-client";

type ReplayOutcome = LabelsOf<"hindcast_replays_total">["outcome"];

/** What a rollout agent tells Prometheus of its episodes. */
export class AgentMetrics {
  readonly #slots: GaugeMetric<"hindcast_worker_slots">;
  readonly #episodes: CounterMetric<"hindcast_episodes_total">;
  readonly #duration: HistogramMetric<"hindcast_episode_duration_seconds">;
  readonly #attempts: CounterMetric<"hindcast_episode_attempts_total">;
  readonly #evaluations: CounterMetric<"hindcast_evaluations_total">;
  readonly #steps: CounterMetric<"hindcast_steps_total">;
  readonly #stages: HistogramMetric<"hindcast_step_stage_seconds">;
  readonly #replays: CounterMetric<"hindcast_replays_total">;
  readonly #replayDuration: HistogramMetric<"hindcast_replay_duration_seconds">;

  constructor(registry: Registry) {
    this.#slots = new GaugeMetric(registry, "hindcast_worker_slots");
    this.#episodes = new CounterMetric(registry, "hindcast_episodes_total");
    this.#duration = new HistogramMetric(registry, "hindcast_episode_duration_seconds");
    this.#attempts = new CounterMetric(registry, "hindcast_episode_attempts_total");
    this.#evaluations = new CounterMetric(registry, "hindcast_evaluations_total");
    this.#steps = new CounterMetric(registry, "hindcast_steps_total");
    this.#stages = new HistogramMetric(registry, "hindcast_step_stage_seconds");
    this.#replays = new CounterMetric(registry, "hindcast_replays_total");
    this.#replayDuration = new HistogramMetric(registry, "hindcast_replay_duration_seconds");
  }

  /** Episodes that this worker runs at once. */
  slots(slots: number): void {
    this.#slots.set(slots, {});
  }

  attemptBegan(began: LabelsOf<"hindcast_episode_attempts_total">["began"]): void {
    this.#attempts.inc({ began });
  }

  stepRecorded(environment: string, { retrieveMs, actMs, environmentMs }: Step["timings"], recordMs: number): void {
    this.#steps.inc({ environment });
    this.#stages.observe(retrieveMs / 1_000, { stage: "retrieve" });
    this.#stages.observe(actMs / 1_000, { stage: "act" });
    this.#stages.observe(environmentMs / 1_000, { stage: "environment" });
    this.#stages.observe(recordMs / 1_000, { stage: "record" });
  }

  episodeEnded(outcome: EndReason, seconds: number, evaluation: Evaluation | null = null): void {
    this.#episodes.inc({ outcome });
    this.#duration.observe(seconds, { outcome });
    if (evaluation !== null) this.#evaluations.inc({ verdict: evaluation.verdict });
  }

  replayEnded(outcome: ReplayOutcome, seconds: number): void {
    this.#replays.inc({ outcome });
    this.#replayDuration.observe(seconds, {});
  }
}
