// What a rollout agent exposes of its episodes, replays and sandboxes.
import { EndReason } from "../../../domain/episode.ts";
import { counter, gauge, histogram, namedBy } from "../metric-definition.ts";

const driver = ["bubblewrap", "container", "vm", "kubernetes"] as const;

export const agentCatalogue = {
  hindcast_worker_slots: gauge("Episodes that this worker runs at once."),
  hindcast_episodes_total: counter("Episodes ended, by end reason.", { outcome: EndReason.options }),
  hindcast_episode_duration_seconds: histogram(
    "Wall time of an episode's last attempt.",
    { outcome: EndReason.options },
    [0.1, 0.5, 1, 5, 15, 60, 300, 900, 3_600],
  ),
  hindcast_episode_attempts_total: counter("Attempts at episodes, by how they began.", {
    began: ["fresh", "resumed", "diverged"],
  }),
  hindcast_evaluations_total: counter("Evaluated episodes, by verdict.", {
    verdict: ["success", "failure", "unknown"],
  }),
  hindcast_steps_total: counter("Steps recorded, by kind of environment.", {
    environment: namedBy("environments", 16),
  }),
  hindcast_step_stage_seconds: histogram(
    "Time of one stage of a step.",
    { stage: ["retrieve", "act", "environment", "record"] },
    [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60, 120],
  ),
  hindcast_replays_total: counter("Replays of recorded windows, by what they came to.", {
    outcome: ["agreed", "diverged", "not-replayable"],
  }),
  hindcast_replay_duration_seconds: histogram("Wall time of a replay.", {}, [0.1, 0.5, 1, 5, 15, 60, 300]),
  hindcast_sandbox_opens_total: counter("Sandboxes opened, or not, by driver.", {
    driver,
    outcome: ["opened", "failed"],
  }),
  hindcast_sandbox_open_seconds: histogram(
    "Time to open a sandbox, or to take one that was open already.",
    { driver },
    [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 15, 60],
  ),
  hindcast_sandboxes_open: gauge("Sandboxes that episodes and replays hold open now."),
  hindcast_sandbox_pool_ready: gauge("Sandboxes that wait open to be handed out."),
  hindcast_sandbox_quarantined_total: counter(
    "Sandboxes closed because they did not show the state they were opened in.",
  ),
  hindcast_sandboxes_reaped_total: counter(
    "Sandboxes on this machine that were ended because their owner had lost its lease: leaks.",
  ),
} as const;
