// The form of an entry of the metric catalogue. A label has a closed set of values, or one whose members a configuration
// names and whose size is capped: never an id, because each value is a time series for ever.
import { limits } from "../../limits.ts";

/** Values that a configuration names (models, lanes, pools); what comes after the first `max` is counted as `other`. */
export interface NamedValues {
  readonly namedBy: string;
  readonly max: number;
}

export type LabelValues = readonly string[] | NamedValues;
export type Labels = Readonly<Record<string, LabelValues>>;
export type MetricType = "counter" | "gauge" | "histogram";

/** The processes that expose metrics. */
export type ProcessName = "coordinator" | "rollout-agent" | "index-core";

export interface MetricDefinition<T extends MetricType = MetricType, L extends Labels = Labels> {
  readonly type: T;
  /** One sentence: what it counts or measures. Its unit ends the name. */
  readonly help: string;
  readonly labels: L;
  /** Of a histogram. */
  readonly buckets?: readonly number[];
}

/** What a value beyond a label's set or cap is counted as. */
export const otherValue = "other";

export function namedBy(what: string, max: number = limits.labelValuesMax): NamedValues {
  return { namedBy: what, max };
}

export function isNamed(values: LabelValues): values is NamedValues {
  return !Array.isArray(values);
}

type NoLabels = Readonly<Record<never, never>>;

export function counter(help: string): MetricDefinition<"counter", NoLabels>;
export function counter<const L extends Labels>(help: string, labels: L): MetricDefinition<"counter", L>;
export function counter(help: string, labels: Labels = {}): MetricDefinition<"counter"> {
  return { type: "counter", help, labels };
}

export function gauge(help: string): MetricDefinition<"gauge", NoLabels>;
export function gauge<const L extends Labels>(help: string, labels: L): MetricDefinition<"gauge", L>;
export function gauge(help: string, labels: Labels = {}): MetricDefinition<"gauge"> {
  return { type: "gauge", help, labels };
}

export function histogram<const L extends Labels>(
  help: string,
  labels: L,
  buckets: readonly number[],
): MetricDefinition<"histogram", L> {
  return { type: "histogram", help, labels, buckets };
}
