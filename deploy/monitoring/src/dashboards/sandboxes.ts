import { type DashboardSpec, lines, number, quantiles, rateBy } from "../dashboard.ts";

export const sandboxes: DashboardSpec = {
  uid: "hindcast-sandboxes",
  title: "Sandboxes",
  rows: [
    {
      title: "Now",
      panels: [
        number("Open", { unit: "short", description: "Held by episodes and replays." }, "sum(hindcast_sandboxes_open)"),
        number("Warm", { unit: "short", description: "Waiting to be handed out." }, "sum(hindcast_sandbox_pool_ready)"),
        number(
          "Failed to open",
          { unit: "short", description: "Since the agents started." },
          'sum(hindcast_sandbox_opens_total{outcome="failed"})',
        ),
        number(
          "Quarantined",
          { unit: "short", description: "Closed because they did not show the state they were opened in." },
          "sum(hindcast_sandbox_quarantined_total)",
        ),
        number(
          "Leaked",
          { unit: "short", description: "Ended by the reaper because nobody owned them." },
          "sum(hindcast_sandboxes_reaped_total)",
        ),
        number(
          "Success",
          { unit: "percentunit", description: "Of evaluated episodes." },
          'sum(hindcast_evaluations_total{verdict="success"}) / sum(hindcast_evaluations_total)',
        ),
      ],
    },
    {
      title: "Opening and use",
      panels: [
        lines("Opens", { unit: "ops", description: "By driver and outcome." }, [
          rateBy("hindcast_sandbox_opens_total", "driver, outcome"),
        ]),
        lines(
          "Time to open",
          { unit: "s", description: "By driver; a warm one takes milliseconds." },
          quantiles("hindcast_sandbox_open_seconds", "driver"),
        ),
        lines("Open and warm", { unit: "short", description: "Per agent." }, [
          { expr: "hindcast_sandboxes_open", legend: "open {{instance}}" },
          { expr: "hindcast_sandbox_pool_ready", legend: "warm {{instance}}" },
        ]),
        lines("Time in the environment", { unit: "s", description: "Of a step." }, [
          {
            expr: 'histogram_quantile(0.99, sum by (le) (rate(hindcast_step_stage_seconds_bucket{stage="environment"}[$__rate_interval])))',
            legend: "p99",
          },
        ]),
        lines("Replays", { unit: "s", description: "Wall time." }, quantiles("hindcast_replay_duration_seconds")),
        lines("Evaluations", { unit: "ops", description: "By verdict." }, [
          rateBy("hindcast_evaluations_total", "verdict"),
        ]),
      ],
    },
  ],
};
