import type { Registry } from "prom-client";
import { CounterMetric, type LabelsOf } from "./telemetry/metrics.ts";

type What = LabelsOf<"hindcast_unreadable_total">["what"];

/** What the bus reports as `unreadable <what> …`: the kinds of its messages and the names of its buckets. */
const unreadable = /^unreadable (task|result|trajectory record|audit record|lease|message|record in ([A-Z]+))(?![a-z])/;

/** Counts messages that were kept but not read: of an unknown version or kind, or damaged. */
export function countUnreadable(registry: Registry): (status: string) => void {
  const counter = new CounterMetric(registry, "hindcast_unreadable_total");
  return (status) => {
    const [, kind, bucket] = unreadable.exec(status) ?? [];
    if (kind !== undefined) counter.inc({ what: (bucket ?? kind.replace(" ", "-")) as What });
  };
}
