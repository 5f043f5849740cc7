import { type DashboardSpec, lines, maxBy, number, quantiles, rateBy, sumBy } from "../dashboard.ts";

export const fleet: DashboardSpec = {
  uid: "hindcast-fleet",
  title: "Fleet",
  rows: [
    {
      title: "Now",
      panels: [
        number(
          "Processes up",
          { unit: "short", description: "Processes that answer their scrape." },
          'sum(up{job="hindcast"})',
        ),
        number(
          "Slots",
          { unit: "short", description: "Episodes that the agents can run at once." },
          "sum(hindcast_worker_slots)",
        ),
        number(
          "Queued",
          { unit: "short", description: "Tasks that wait for a worker." },
          'sum(max by (pool) (hindcast_tasks{state="queued"}))',
        ),
        number(
          "Working",
          { unit: "short", description: "Tasks that are leased." },
          'sum(max by (pool) (hindcast_tasks{state="working"}))',
        ),
        number(
          "Dead letters",
          { unit: "short", description: "Tasks that no worker could finish." },
          'max(hindcast_stream_messages{stream="DEAD_LETTERS"})',
        ),
        number(
          "Steps per second",
          { unit: "short", description: "Steps recorded by all agents." },
          "sum(rate(hindcast_steps_total[$__rate_interval]))",
        ),
      ],
    },
    {
      title: "Queue",
      panels: [
        lines("Tasks by pool and state", { unit: "short", description: "KEDA scales agents by what is queued." }, [
          maxBy("hindcast_tasks", "pool, state"),
        ]),
        lines("Handed out", { unit: "percentunit", description: "Of the tasks that NATS lets be worked on at once." }, [
          {
            expr: 'max by (pool) (hindcast_tasks{state="working"}) / max by (pool) (hindcast_tasks_working_limit)',
            legend: "{{pool}}",
          },
        ]),
        lines("Oldest queued task", { unit: "s", description: "0 where none waits." }, [
          maxBy("hindcast_queue_oldest_seconds", "pool"),
        ]),
        lines("Deliveries", { unit: "ops", description: "`again` means that a worker died, failed or handed back." }, [
          rateBy("hindcast_task_deliveries_total", "pool, delivery"),
        ]),
        lines("What became of deliveries", { unit: "ops", description: "The redelivery table of the protocol." }, [
          rateBy("hindcast_task_handled_total", "handled"),
        ]),
        lines("Leases held", { unit: "short", description: "By what they are on." }, [
          sumBy("hindcast_leases_held", "on"),
        ]),
        lines("Leases lost", { unit: "ops", description: "Expired or taken over while held." }, [
          rateBy("hindcast_leases_lost_total", "on"),
        ]),
      ],
    },
    {
      title: "Episodes",
      panels: [
        lines("Episodes by outcome", { unit: "ops", description: "One per episode, whoever finished it." }, [
          rateBy("hindcast_episodes_total", "outcome"),
        ]),
        lines(
          "Duration",
          { unit: "s", description: "Of an episode's last attempt." },
          quantiles("hindcast_episode_duration_seconds"),
        ),
        lines("Steps", { unit: "ops", description: "By kind of environment." }, [
          rateBy("hindcast_steps_total", "environment"),
        ]),
        lines(
          "Time of a step, by stage",
          { unit: "s", description: "What the next step waits for." },
          quantiles("hindcast_step_stage_seconds", "stage"),
        ),
        lines(
          "Attempts",
          { unit: "ops", description: "How attempts began: afresh, resumed, or after a rebuilt world had diverged." },
          [rateBy("hindcast_episode_attempts_total", "began")],
        ),
        lines("Held tasks", { unit: "short", description: "Against the slots of the agents." }, [
          sumBy("hindcast_tasks_held", "pool"),
          { expr: "sum(hindcast_worker_slots)", legend: "slots" },
        ]),
      ],
    },
    {
      title: "Processes",
      panels: [
        lines("State", { unit: "short", description: "1 for the state that a process is in." }, [
          sumBy("hindcast_process_state", "state"),
        ]),
        lines("Versions", { unit: "short", description: "More than one during an upgrade." }, [
          sumBy("hindcast_build_info", "process, version"),
        ]),
        lines("Event loop delay, p99", { unit: "s", description: "A blocked loop delays heartbeats and answers." }, [
          { expr: 'hindcast_event_loop_delay_seconds{quantile="0.99"}', legend: "{{instance}}" },
        ]),
        lines("Memory", { unit: "bytes", description: "Resident set." }, [
          { expr: 'process_resident_memory_bytes{job="hindcast"}', legend: "{{instance}}" },
        ]),
        lines("CPU", { unit: "short", description: "Cores in use." }, [
          { expr: 'rate(process_cpu_seconds_total{job="hindcast"}[$__rate_interval])', legend: "{{instance}}" },
        ]),
        lines("Unreadable messages", { unit: "ops", description: "Of an unknown version or damaged." }, [
          rateBy("hindcast_unreadable_total", "what"),
        ]),
        lines(
          "Spans of traces",
          {
            unit: "ops",
            description: "Sent, not taken by the collector, or too many at once; none without a collector.",
          },
          [rateBy("hindcast_trace_spans_total", "outcome")],
        ),
      ],
    },
  ],
};
