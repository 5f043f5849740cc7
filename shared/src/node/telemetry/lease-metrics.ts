// What a process that leases tasks tells Prometheus of deliveries and of the leases that it holds.
import type { Registry } from "prom-client";
import type { LeaseName } from "../../protocol/subjects.ts";
import type { LeaseEvent } from "../bus/bus.ts";
import type { LeaseLoopObserver } from "../work/lease-loop.ts";
import { CounterMetric, GaugeMetric, type LabelsOf } from "./metrics.ts";

type On = LabelsOf<"hindcast_leases_held">["on"];

export class LeaseMetrics {
  readonly #deliveries: CounterMetric<"hindcast_task_deliveries_total">;
  readonly #handled: CounterMetric<"hindcast_task_handled_total">;
  readonly #tasks: GaugeMetric<"hindcast_tasks_held">;
  readonly #held: GaugeMetric<"hindcast_leases_held">;
  readonly #acquisitions: CounterMetric<"hindcast_lease_acquisitions_total">;
  readonly #lost: CounterMetric<"hindcast_leases_lost_total">;

  constructor(registry: Registry) {
    this.#deliveries = new CounterMetric(registry, "hindcast_task_deliveries_total");
    this.#handled = new CounterMetric(registry, "hindcast_task_handled_total");
    this.#tasks = new GaugeMetric(registry, "hindcast_tasks_held");
    this.#held = new GaugeMetric(registry, "hindcast_leases_held");
    this.#acquisitions = new CounterMetric(registry, "hindcast_lease_acquisitions_total");
    this.#lost = new CounterMetric(registry, "hindcast_leases_lost_total");
  }

  /** For `runLeaseLoop`. */
  ofPool(pool: string): LeaseLoopObserver {
    this.#tasks.set(0, { pool });
    for (const delivery of ["first", "again"] as const) this.#deliveries.add(0, { pool, delivery });
    this.#handled.add(0, { pool, handled: "dead-lettered" });
    return {
      delivered: (isFirst) => this.#deliveries.inc({ pool, delivery: isFirst ? "first" : "again" }),
      handled: (handled) => this.#handled.inc({ pool, handled }),
      held: (count) => this.#tasks.set(count, { pool }),
    };
  }

  /** For the bus. */
  lease({ what, name }: LeaseEvent): void {
    const on = kindOf(name);
    if (what === "lost") this.#lost.inc({ on });
    if (what === "lost" || what === "ended") return this.#held.add(-1, { on });
    this.#acquisitions.inc({ on, outcome: what });
    if (what === "acquired") this.#held.add(1, { on });
  }
}

function kindOf(name: LeaseName): On {
  return name.split(".")[0] as On;
}
