/** What every prometheus-nats-exporter is started with, for the metrics that dashboards and alerts name. */
export const natsExporterFlags: readonly string[] = ["-varz", "-healthz", "-jsz=all"];
