import { type Alert, gaugeCase } from "../alert.ts";

/** Of what prometheus-nats-exporter reads from the servers themselves. */
export const natsAlerts: readonly Alert[] = [
  {
    name: "HindcastNatsDown",
    value: 'up{job="nats"}',
    condition: "== 0",
    forMinutes: 2,
    severity: "page",
    summary: "the exporter of {{ $labels.instance }} does not answer",
    means: "The exporter beside a NATS server is gone; most likely the server is too.",
    lookAt: "`kubectl get pods`, the server's log, its volume.",
    act: "Two servers of three go on by themselves. Bring the third back before anything else is done to the cluster.",
    ...gaugeCase('up{job="nats", instance="n"}', "0+0", "1+0"),
    atMinutes: 5,
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
