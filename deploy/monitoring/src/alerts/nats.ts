import { type Alert, gaugeCase } from "../alert.ts";

/** Of what prometheus-nats-exporter reads from the servers themselves. */
export const natsAlerts: readonly Alert[] = [
  {
    name: "HindcastNatsDown",
    // An exporter answers, with the last of `gnatsd_`, when its server does not; only `jetstream_` is then absent.
    value: 'count by (instance) (jetstream_server_max_storage) or sum by (instance) (up{job="nats"} * 0)',
    condition: "< 1",
    forMinutes: 2,
    severity: "page",
    summary: "NATS behind the exporter {{ $labels.instance }} does not answer",
    means: "A NATS server, or the exporter beside it, is gone. With one exporter per server none is missed.",
    lookAt: "`kubectl get pods`, the server's log, its volume.",
    act: "Two servers of three go on by themselves. Bring the third back before anything else is done to the cluster.",
    fires: [{ series: 'up{job="nats", instance="n"}', values: "1+0x90" }],
    staysQuiet: [
      { series: 'up{job="nats", instance="n"}', values: "1+0x90" },
      { series: 'jetstream_server_max_storage{instance="n"}', values: "100+0x90" },
    ],
    atMinutes: 5,
  },
  {
    name: "HindcastNatsUnhealthy",
    value: "max by (instance, server_id) (gnatsd_healthz_status)",
    condition: "== 1",
    // A server that starts says so, too, while it reads its streams: 15 minutes at the worst, as its startup probe has it.
    forMinutes: 15,
    severity: "page",
    summary: "NATS {{ $labels.server_id }} answers, and says that it is not healthy",
    means:
      "JetStream is off after an error of the disk, or a stream or consumer on this server has no leader or is behind the others. Its pod is ready all the same, and the work may go on; the next server that fails may stop it.",
    lookAt:
      "`/healthz` of its monitoring port says which stream or consumer it is; the server's log; `nats server report jetstream`; its volume.",
    act: "Restart this server alone (`kubectl delete pod`). If it stays behind, take the stream's replica away from it and add it again (`nats stream cluster peer-remove`). Leave the others alone until it is healthy.",
    ...gaugeCase('gnatsd_healthz_status{instance="n", server_id="n"}', "1+0", "0+0"),
    atMinutes: 20,
  },
  {
    name: "HindcastNatsStorageNearlyFull",
    value: "max by (instance) (jetstream_server_total_message_bytes / jetstream_server_max_storage)",
    condition: "> 0.8",
    forMinutes: 10,
    severity: "page",
    summary: "the store of {{ $labels.instance }} is {{ $value | humanizePercentage }} full",
    means:
      "Streams without a limit of their own share `max_file_store`. At it every stream refuses, and all work stops.",
    lookAt: "Bytes per stream in the NATS dashboard; `hindcast status` (storage).",
    act: "`hindcast gc` and `hindcast forget`; shorter retention (HINDCAST_STORAGE_*); a larger volume and `max_file_store`.",
    fires: [
      { series: 'jetstream_server_total_message_bytes{instance="n"}', values: "90+0x90" },
      { series: 'jetstream_server_max_storage{instance="n"}', values: "100+0x90" },
    ],
    staysQuiet: [
      { series: 'jetstream_server_total_message_bytes{instance="n"}', values: "20+0x90" },
      { series: 'jetstream_server_max_storage{instance="n"}', values: "100+0x90" },
    ],
    atMinutes: 15,
  },
  {
    name: "HindcastNatsSlowConsumers",
    value: "sum by (server_id) (increase(gnatsd_varz_slow_consumers[15m]))",
    condition: "> 0",
    forMinutes: 0,
    severity: "ticket",
    summary: "a server dropped {{ $value }} clients that read too slowly",
    means: "A process did not read what NATS sent it, and was disconnected; it reconnects and reads on.",
    lookAt: "HindcastEventLoopDelayed, and which client (`nats server report connections`).",
    act: "Give that process more CPU.",
    ...gaugeCase('gnatsd_varz_slow_consumers{server_id="n"}', "0+1", "4+0"),
    atMinutes: 20,
  },
];
