// What every process tells Prometheus of itself: what runs, in which state, how delayed, and whether it has the bus.
import { readFileSync } from "node:fs";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { collectDefaultMetrics, type Registry } from "prom-client";
import { z } from "zod";
import type { LifecycleState } from "../lifecycle.ts";
import { countUnreadable } from "../unreadable-counter.ts";
import type { ProcessName } from "./metric-definition.ts";
import { CounterMetric, GaugeMetric, type LabelsOf } from "./metrics.ts";

const states: readonly LifecycleState[] = ["starting", "running", "draining", "stopped", "failed"];
const quantiles = ["0.5", "0.99", "1"] as const;
const delayResolutionMs = 10;

export class ProcessMetrics {
  readonly #connected: GaugeMetric<"hindcast_bus_connected">;
  readonly #disconnects: CounterMetric<"hindcast_bus_disconnects_total">;
  readonly #errors: CounterMetric<"hindcast_bus_errors_total">;
  readonly #unreadable: (status: string) => void;

  constructor(registry: Registry, name: ProcessName, stateNow: () => LifecycleState) {
    collectDefaultMetrics({ register: registry });
    const build = new GaugeMetric(registry, "hindcast_build_info");
    build.set(1, { process: name, version: releaseVersion(), node: process.version });
    const state = new GaugeMetric(registry, "hindcast_process_state", {
      collect: () => {
        for (const each of states) state.set(stateNow() === each ? 1 : 0, { state: each });
      },
    });
    observeEventLoop(registry);
    this.#connected = new GaugeMetric(registry, "hindcast_bus_connected");
    this.#disconnects = new CounterMetric(registry, "hindcast_bus_disconnects_total");
    this.#errors = new CounterMetric(registry, "hindcast_bus_errors_total");
    this.#unreadable = countUnreadable(registry);
    this.#connected.set(0, {});
  }

  connected(): void {
    this.#connected.set(1, {});
  }

  /** Is told what the bus reports. */
  status(status: string): void {
    this.#unreadable(status);
    if (status === "reconnected") this.connected();
    if (status.startsWith("error ")) this.#errors.inc({});
    if (status !== "disconnected") return;
    this.#connected.set(0, {});
    this.#disconnects.inc({});
  }
}

/** Beside the times that are measured inside, because a blocked loop delays answers that were found in time. */
function observeEventLoop(registry: Registry): void {
  const delay = monitorEventLoopDelay({ resolution: delayResolutionMs });
  delay.enable();
  const made = new GaugeMetric(registry, "hindcast_event_loop_delay_seconds", {
    collect: () => {
      for (const quantile of quantiles) made.set(delay.percentile(Number(quantile) * 100) / 1e9, { quantile });
      delay.reset();
    },
  });
}

/** Version of this release. All its packages have the same. */
export function releaseVersion(): LabelsOf<"hindcast_build_info">["version"] {
  const path = new URL("../../../package.json", import.meta.url);
  return z.object({ version: z.string() }).parse(JSON.parse(readFileSync(path, "utf8"))).version;
}
