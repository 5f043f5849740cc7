// What a process that asks models tells Prometheus of it: every call, whoever makes it, at the one place that all pass.
import type { Registry } from "prom-client";
import type { Purpose } from "../../domain/usage.ts";
import { toHindcastError } from "../../errors.ts";
import type { Completion, CompletionRequest, Model } from "../model/model.ts";
import { CounterMetric, HistogramMetric, type LabelsOf } from "./metrics.ts";

type Role = LabelsOf<"hindcast_model_calls_total">["role"];

/** Whose work a call is, of the three that a campaign chooses a model for. */
export const roleOf: Record<Purpose, Role> = {
  "self-instruct": "generator",
  act: "policy",
  "retrieval-query": "policy",
  "summarise-transition": "generator",
  "new-task-instruction": "generator",
  "rewrite-reason": "generator",
  judge: "judge",
  "evaluation-task": "generator",
  "make-task": "generator",
};

export class ModelMetrics {
  readonly #calls: CounterMetric<"hindcast_model_calls_total">;
  readonly #failures: CounterMetric<"hindcast_model_failures_total">;
  readonly #seconds: HistogramMetric<"hindcast_model_call_seconds">;
  readonly #tokens: CounterMetric<"hindcast_model_tokens_total">;
  readonly #cost: CounterMetric<"hindcast_model_cost_usd_total">;
  readonly #unpriced: CounterMetric<"hindcast_model_unpriced_calls_total">;

  constructor(registry: Registry) {
    this.#calls = new CounterMetric(registry, "hindcast_model_calls_total");
    this.#failures = new CounterMetric(registry, "hindcast_model_failures_total");
    this.#seconds = new HistogramMetric(registry, "hindcast_model_call_seconds");
    this.#tokens = new CounterMetric(registry, "hindcast_model_tokens_total");
    this.#cost = new CounterMetric(registry, "hindcast_model_cost_usd_total");
    this.#unpriced = new CounterMetric(registry, "hindcast_model_unpriced_calls_total");
  }

  answered({ id, isOffline }: Model, { purpose }: CompletionRequest, completion: Completion): void {
    const of = { model: id, role: roleOf[purpose], purpose };
    const { journaled, batched, usage, costUsd, durationMs } = completion;
    const paid = isOffline ? "offline" : batched === true ? "batched" : "bought";
    this.#calls.inc({ ...of, outcome: journaled ? "journaled" : paid });
    for (const outcome of ["failed", "journaled"] as const) this.#calls.add(0, { ...of, outcome });
    if (journaled) return;
    this.#seconds.observe(durationMs / 1_000, { model: id, role: of.role });
    this.#tokens.add(usage.inputTokens, { ...of, kind: "input" });
    this.#tokens.add(usage.cacheReadTokens, { ...of, kind: "cache-read" });
    this.#tokens.add(usage.cacheWriteTokens, { ...of, kind: "cache-write" });
    this.#tokens.add(usage.outputTokens, { ...of, kind: "output" });
    if (costUsd === null) this.#unpriced.inc({ model: id });
    else this.#cost.add(costUsd, of);
  }

  failed({ id }: Model, { purpose }: CompletionRequest, error: unknown): void {
    this.#calls.inc({ model: id, role: roleOf[purpose], purpose, outcome: "failed" });
    this.#failures.inc({ model: id, code: toHindcastError(error, "model").code });
  }
}
