import { type Alert, gaugeCase, shareCase } from "../alert.ts";

export const workAlerts: readonly Alert[] = [
  {
    name: "HindcastQueueWaits",
    value: "max by (pool) (hindcast_queue_oldest_seconds)",
    condition: "> 1800",
    forMinutes: 10,
    severity: "ticket",
    summary: "the oldest task of pool {{ $labels.pool }} has waited {{ $value }} s",
    means:
      "Fewer workers than work: too few agents of this pool, agents that are drained, or episodes that take very long.",
    lookAt: "Fleet dashboard: held tasks against slots; `hindcast status`; KEDA's ScaledObject of the pool.",
    act: "Raise maxReplicas or slots; undrain agents; if nobody works at all, start an agent of the pool.",
    ...gaugeCase('hindcast_queue_oldest_seconds{pool="shell", instance="a"}', "2000+60", "30+0"),
    atMinutes: 15,
  },
  {
    name: "HindcastNothingHandedOut",
    value: 'max by (pool) (hindcast_tasks{state="working"}) / max by (pool) (hindcast_tasks_working_limit)',
    // Pinned: between two looks a few are acknowledged and as many taken.
    condition: "> 0.95",
    forMinutes: 10,
    severity: "page",
    summary:
      "pool {{ $labels.pool }} has {{ $value | humanizePercentage }} of the unacknowledged tasks that NATS allows",
    means:
      "The consumer is at its `max_ack_pending`: whoever asks for a task gets none until others are acknowledged. Tasks that were handed back with a delay count, so workers that refuse everything bring this about, and so do more workers than `limits.workersMax`.",
    lookAt:
      "`lease.retry` in the agents' logs and HindcastRedeliveries; Tasks by pool and state in the Fleet dashboard; `nats consumer info TASKS workers-POOL`.",
    act: "Mend what the code of the retries names; restart agents that hold tasks and do not work, and their tasks come back after the ack wait.",
    fires: [
      { series: 'hindcast_tasks{pool="shell", state="working", instance="a"}', values: "128000+0x90" },
      { series: 'hindcast_tasks_working_limit{pool="shell", instance="a"}', values: "128000+0x90" },
    ],
    staysQuiet: [
      { series: 'hindcast_tasks{pool="shell", state="queued", instance="a"}', values: "128000+0x90" },
      { series: 'hindcast_tasks{pool="shell", state="working", instance="a"}', values: "2000+0x90" },
      { series: 'hindcast_tasks_working_limit{pool="shell", instance="a"}', values: "128000+0x90" },
    ],
    atMinutes: 15,
  },
  {
    name: "HindcastRedeliveries",
    value:
      'sum by (pool) (rate(hindcast_task_deliveries_total{delivery="again"}[15m])) / sum by (pool) (rate(hindcast_task_deliveries_total[15m]))',
    condition: "> 0.2",
    forMinutes: 15,
    severity: "ticket",
    summary: "{{ $value | humanizePercentage }} of the deliveries of pool {{ $labels.pool }} are repetitions",
    means: "Workers die, lose their leases, or fail with errors that are tried again.",
    lookAt: "`lease.retry` and `lease.lost` in the agents' logs, OOM kills, HindcastEventLoopDelayed.",
    act: "Mend what the code of the retries names. An agent that is killed for its memory needs fewer slots or a higher limit.",
    ...shareCase(
      'hindcast_task_deliveries_total{pool="shell", delivery="again"}',
      'hindcast_task_deliveries_total{pool="shell", delivery="first"}',
    ),
    atMinutes: 45,
  },
  {
    name: "HindcastDeadLetters",
    value: 'max(hindcast_stream_messages{stream="DEAD_LETTERS"})',
    condition: "> 0",
    forMinutes: 5,
    severity: "ticket",
    summary: "{{ $value }} tasks lie in the dead letters",
    means: "Tasks that no worker could finish in their deliveries. Their campaigns go on without them.",
    lookAt: "`hindcast dead-letters`: the reason and the history of attempts of each.",
    act: "Mend the cause, then requeue (a task that has ended stays ended) or drop it.",
    ...gaugeCase('hindcast_stream_messages{stream="DEAD_LETTERS", instance="a"}', "2+0", "0+0"),
    atMinutes: 10,
  },
  {
    name: "HindcastLeasesLost",
    value: "sum by (on) (increase(hindcast_leases_lost_total[15m]))",
    condition: "> 5",
    forMinutes: 0,
    severity: "ticket",
    summary: "{{ $value }} leases on {{ $labels.on }} were lost within 15 minutes",
    means:
      "Holders could not renew in time: NATS slow or away, event loops blocked, processes frozen. Fencing keeps results right.",
    lookAt: "HindcastBusAway, HindcastEventLoopDelayed, the NATS dashboard.",
    act: "Mend the slow part; work is repeated, not lost.",
    ...gaugeCase('hindcast_leases_lost_total{on="episode", instance="a"}', "0+1", "7+0"),
    atMinutes: 20,
  },
  {
    name: "HindcastEpisodesBreak",
    value:
      'sum(rate(hindcast_episodes_total{outcome=~"infrastructure|unavailable"}[15m])) / sum(rate(hindcast_episodes_total[15m]))',
    condition: "> 0.1",
    forMinutes: 15,
    severity: "page",
    summary: "{{ $value | humanizePercentage }} of the episodes end without having been tried",
    means:
      "Worlds cannot be set up, or what runs them fails. Such episodes teach nothing and cost the campaign its tasks.",
    lookAt:
      "`episode.ended` with reason `infrastructure` or `unavailable` in the agents' logs; the Sandboxes dashboard.",
    act: "Pause the campaign (`hindcast ctl pause`), mend the environment, resume.",
    ...shareCase('hindcast_episodes_total{outcome="infrastructure"}', 'hindcast_episodes_total{outcome="submitted"}'),
    atMinutes: 45,
  },
  {
    name: "HindcastStreamNearlyFull",
    // The others drop their oldest when they are full, which is what a limit on them asks for.
    value: 'max by (stream) (hindcast_stream_bytes{stream!~"KV_JOURNAL|ADVISORIES"} / hindcast_stream_limit_bytes)',
    condition: "> 0.8",
    forMinutes: 10,
    severity: "page",
    summary: "stream {{ $labels.stream }} is {{ $value | humanizePercentage }} full",
    means:
      "At its limit a stream refuses; where it is TASKS, campaigns of every pool wait. Not looked at: the journal and advisories, which drop their oldest.",
    lookAt: "`hindcast status` (storage), the growth in the NATS dashboard.",
    act: "TASKS: start agents of the pool that waits. Else `hindcast gc` and `hindcast forget` for old campaigns, or a higher limit of the stream and of NATS's disk.",
    fires: [
      { series: 'hindcast_stream_bytes{stream="TRAJECTORIES", instance="a"}', values: "90+0x90" },
      { series: 'hindcast_stream_limit_bytes{stream="TRAJECTORIES", instance="a"}', values: "100+0x90" },
    ],
    staysQuiet: [
      { series: 'hindcast_stream_bytes{stream="TRAJECTORIES", instance="a"}', values: "20+0x90" },
      { series: 'hindcast_stream_limit_bytes{stream="TRAJECTORIES", instance="a"}', values: "100+0x90" },
      { series: 'hindcast_stream_bytes{stream="KV_JOURNAL", instance="a"}', values: "100+0x90" },
      { series: 'hindcast_stream_limit_bytes{stream="KV_JOURNAL", instance="a"}', values: "100+0x90" },
    ],
    atMinutes: 15,
  },
  {
    name: "HindcastReplaysDiverge",
    value: 'sum(rate(hindcast_replays_total{outcome="diverged"}[30m])) / sum(rate(hindcast_replays_total[30m]))',
    condition: "> 0.3",
    forMinutes: 30,
    severity: "ticket",
    summary: "{{ $value | humanizePercentage }} of the replays reach another state",
    means: "Worlds are not reproducible: time, randomness or the network decides. Their demonstrations say `diverged`.",
    lookAt:
      "`replay.ended` in the agents' logs: `detail` names the step. Different images on different machines do this too.",
    act: "Pin the sandbox image; take documents about what cannot be repeated out of the campaign.",
    ...shareCase('hindcast_replays_total{outcome="diverged"}', 'hindcast_replays_total{outcome="agreed"}'),
    atMinutes: 75,
  },
  {
    name: "HindcastSandboxOpensFail",
    value:
      'sum(rate(hindcast_sandbox_opens_total{outcome="failed"}[15m])) / sum(rate(hindcast_sandbox_opens_total[15m]))',
    condition: "> 0.05",
    forMinutes: 10,
    severity: "ticket",
    summary: "{{ $value | humanizePercentage }} of the sandboxes could not be opened",
    means: "The driver lacks something: user namespaces, memory, a Docker engine, an image, a warm pool.",
    lookAt: "SANDBOX_UNAVAILABLE in the agents' logs says what and how to mend it; `hindcast doctor` on the machine.",
    act: "Mend what it names. One bad node: drain it.",
    ...shareCase(
      'hindcast_sandbox_opens_total{driver="bubblewrap", outcome="failed"}',
      'hindcast_sandbox_opens_total{driver="bubblewrap", outcome="opened"}',
    ),
    atMinutes: 45,
  },
  {
    name: "HindcastSandboxesLeak",
    value: "sum by (instance) (increase(hindcast_sandboxes_reaped_total[1h]))",
    condition: "> 3",
    forMinutes: 0,
    severity: "ticket",
    summary: "{{ $value }} ownerless sandboxes were ended by {{ $labels.instance }} within an hour",
    means: "Agents on that machine hang or are frozen while they hold sandboxes; the reaper removed what they left.",
    lookAt: "`sandbox.reaped` in the log names owner and episode; memory pressure on the machine.",
    act: "Restart the agent that hangs; if the machine freezes it, give it more room.",
    ...gaugeCase('hindcast_sandboxes_reaped_total{instance="a"}', "0+1", "9+0"),
    atMinutes: 30,
  },
];
