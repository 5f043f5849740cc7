// Makes the metrics of the catalogue. A value outside a label's closed set is a type error; one that only a configuration
// knows counts as `other` beyond the label's cap, whoever names it: the number of time series has a bound.
import { limits } from "../../limits.ts";
import { Counter, Gauge, Histogram, type Registry } from "prom-client";
import { type MetricCatalogue, metricCatalogue, type MetricName } from "./catalogue/index.ts";
import { isNamed, type Labels, type MetricDefinition, type MetricType, otherValue } from "./metric-definition.ts";

/** The labels of a metric with the values that each may have. */
export type LabelsOf<N extends MetricName> = {
  [K in keyof MetricCatalogue[N]["labels"]]: MetricCatalogue[N]["labels"][K] extends readonly (infer V extends string)[]
    ? V
    : string;
};

type NameOf<T extends MetricType> = { [N in MetricName]: MetricCatalogue[N]["type"] extends T ? N : never }[MetricName];
export type CounterName = NameOf<"counter">;
export type GaugeName = NameOf<"gauge">;
export type HistogramName = NameOf<"histogram">;

/** What counters, gauges and histograms are made with here: `collect` runs at each scrape, before the value is read. */
interface Options {
  collect?: () => Promise<void> | void;
}

export class CounterMetric<N extends CounterName> {
  readonly #inner: Counter;
  readonly #labels: LabelCap;

  constructor(registry: Registry, name: N, { collect }: Options = {}) {
    const definition = metricCatalogue[name];
    this.#labels = new LabelCap(definition.labels);
    this.#inner = new Counter({ ...common(registry, name, definition), ...(collect === undefined ? {} : { collect }) });
    if (collect === undefined) for (const labels of closedCombinations(definition.labels)) this.#inner.inc(labels, 0);
  }

  add(by: number, labels: LabelsOf<N>): void {
    if (by >= 0) this.#inner.inc(this.#labels.within(labels), by);
  }

  inc(labels: LabelsOf<N>): void {
    this.add(1, labels);
  }

  /** For counts that are kept elsewhere and passed on anew at each scrape. */
  reset(): void {
    this.#inner.reset();
  }
}

export class GaugeMetric<N extends GaugeName> {
  readonly #inner: Gauge;
  readonly #labels: LabelCap;

  constructor(registry: Registry, name: N, { collect }: Options = {}) {
    const definition = metricCatalogue[name];
    this.#labels = new LabelCap(definition.labels);
    this.#inner = new Gauge({ ...common(registry, name, definition), ...(collect === undefined ? {} : { collect }) });
  }

  set(value: number, labels: LabelsOf<N>): void {
    this.#inner.set(this.#labels.within(labels), value);
  }

  add(by: number, labels: LabelsOf<N>): void {
    this.#inner.inc(this.#labels.within(labels), by);
  }

  /** Forgets all values: what is not known must not look like what was known last. */
  reset(): void {
    this.#inner.reset();
  }
}

export class HistogramMetric<N extends HistogramName> {
  readonly #inner: Histogram;
  readonly #labels: LabelCap;

  constructor(registry: Registry, name: N) {
    const definition = metricCatalogue[name];
    this.#labels = new LabelCap(definition.labels);
    const buckets = [...(definition.buckets ?? [])];
    this.#inner = new Histogram({ ...common(registry, name, definition), buckets });
  }

  observe(value: number, labels: LabelsOf<N>): void {
    this.#inner.observe(this.#labels.within(labels), value);
  }
}

interface Common {
  name: string;
  help: string;
  labelNames: string[];
  registers: Registry[];
}

function common(registry: Registry, name: string, { help, labels }: MetricDefinition): Common {
  return { name, help, labelNames: Object.keys(labels), registers: [registry] };
}

/** A counter that first appears with its first event has no rate at that moment; so small closed sets begin at 0. */
function closedCombinations(labels: Labels): Record<string, string>[] {
  let combinations: Record<string, string>[] = [{}];
  for (const [label, values] of Object.entries(labels)) {
    if (isNamed(values) || combinations.length * values.length > limits.labelCombinationsMax) return [];
    combinations = combinations.flatMap((known) => values.map((value) => ({ ...known, [label]: value })));
  }
  return combinations;
}

class LabelCap {
  readonly #labels: Labels;
  readonly #seen = new Map<string, Set<string>>();

  constructor(labels: Labels) {
    this.#labels = labels;
  }

  within(given: Readonly<Record<string, string>>): Record<string, string> {
    return Object.fromEntries(Object.entries(given).map(([label, value]) => [label, this.#value(label, value)]));
  }

  #value(label: string, value: string): string {
    const values = this.#labels[label];
    if (values === undefined || !isNamed(values)) return values?.includes(value) === true ? value : otherValue;
    const seen = this.#seen.get(label) ?? new Set();
    this.#seen.set(label, seen);
    if (!seen.has(value) && seen.size >= values.max) return otherValue;
    seen.add(value);
    return value;
  }
}
