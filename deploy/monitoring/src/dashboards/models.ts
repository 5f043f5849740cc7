import { type DashboardSpec, lines, maxBy, number, quantiles, rateBy } from "../dashboard.ts";

const cached = 'sum(rate(hindcast_model_tokens_total{kind="cache-read"}[$__rate_interval]))';
const input = 'sum(rate(hindcast_model_tokens_total{kind=~"input|cache-read|cache-write"}[$__rate_interval]))';

export const models: DashboardSpec = {
  uid: "hindcast-models",
  title: "Model lanes",
  rows: [
    {
      title: "Now",
      panels: [
        number(
          "In flight",
          { unit: "short", description: "Admitted requests." },
          "sum(max by (lane) (hindcast_lane_in_flight))",
        ),
        number(
          "Waiting",
          { unit: "short", description: "Requests that wait for admission." },
          "sum(max by (lane) (hindcast_lane_waiting))",
        ),
        number(
          "Paused lanes",
          { unit: "short", description: "Spend limit or daily quota." },
          "sum(max by (lane) (hindcast_lane_paused))",
        ),
        number(
          "Prompt cache hits",
          { unit: "percentunit", description: "Share of the input that providers read from their cache." },
          `${cached} / ${input}`,
        ),
        number(
          "Journal hits",
          { unit: "percentunit", description: "Share of the calls that were answered from the journal." },
          'sum(hindcast_model_calls_total{outcome="journaled"}) / sum(hindcast_model_calls_total)',
        ),
        number(
          "Without admission",
          { unit: "short", description: "Processes that use their share of the lanes." },
          "sum(hindcast_admission_away)",
        ),
      ],
    },
    {
      title: "Lanes",
      panels: [
        lines("Limit", { unit: "short", description: "Requests at once that a lane bears." }, [
          maxBy("hindcast_lane_limit", "lane"),
        ]),
        lines("In flight", { unit: "short", description: "Admitted and not settled." }, [
          maxBy("hindcast_lane_in_flight", "lane"),
        ]),
        lines("Waiting", { unit: "short", description: "For admission." }, [maxBy("hindcast_lane_waiting", "lane")]),
        lines("Paused", { unit: "short", description: "1 while paused." }, [maxBy("hindcast_lane_paused", "lane")]),
        lines(
          "Wait for admission",
          { unit: "s", description: "By lane." },
          quantiles("hindcast_lane_wait_seconds", "lane"),
        ),
        lines("Unanswered requests", { unit: "ops", description: "By reason, before they are tried again." }, [
          rateBy("hindcast_lane_retry_total", "reason"),
        ]),
      ],
    },
    {
      title: "Calls",
      panels: [
        lines("Calls", { unit: "ops", description: "By model and how they were answered." }, [
          rateBy("hindcast_model_calls_total", "model, outcome"),
        ]),
        lines("Calls by purpose", { unit: "ops", description: "What they are for." }, [
          rateBy("hindcast_model_calls_total", "purpose"),
        ]),
        lines(
          "Latency",
          { unit: "s", description: "From call to answer, admission and retries included." },
          quantiles("hindcast_model_call_seconds", "model"),
        ),
        lines("Tokens", { unit: "short", description: "Per second, by how they are billed." }, [
          rateBy("hindcast_model_tokens_total", "kind"),
        ]),
        lines("Failed share", { unit: "percentunit", description: "After all attempts." }, [
          {
            expr: 'sum by (model) (rate(hindcast_model_calls_total{outcome="failed"}[$__rate_interval])) / sum by (model) (rate(hindcast_model_calls_total[$__rate_interval]))',
            legend: "{{model}}",
          },
        ]),
        lines("Failures by code", { unit: "ops", description: "0 where there were none." }, [
          {
            expr: "sum by (model, code) (rate(hindcast_model_failures_total[$__rate_interval])) or vector(0)",
            legend: "{{model}} {{code}}",
          },
        ]),
      ],
    },
  ],
};
