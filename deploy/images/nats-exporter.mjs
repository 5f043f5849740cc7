// prometheus-nats-exporter, where its maker's image cannot be pulled.
import { goTool } from "./go-tool.mjs";

/** As compose.yaml and components/monitoring have it. */
export const natsExporterVersion = "0.20.1";

/** @returns its path, or null where it cannot be built */
export function natsExporter() {
  const module = "github.com/nats-io/prometheus-nats-exporter";
  return goTool({ image: "nats-exporter", name: "nats-exporter", module, version: natsExporterVersion, go: "1.25.10" });
}
