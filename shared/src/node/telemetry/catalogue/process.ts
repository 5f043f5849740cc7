// What every process exposes, and what those expose that lease tasks or ask models.
import { ErrorCode } from "../../../errors.ts";
import { buckets } from "../../../protocol/subjects.ts";
import { Purpose } from "../../../domain/usage.ts";
import { failureRules } from "../../model/driver.ts";
import { counter, gauge, histogram, namedBy } from "../metric-definition.ts";

const messageKinds = ["task", "result", "trajectory-record", "audit-record", "lease", "message"] as const;
type MessageKind = (typeof messageKinds)[number];
/** What a lease can be held on: the first word of its name. */
export const leaseKinds = ["episode", "task", "campaign", "batch", "admission"] as const;
/** Whose work a model call is: the three roles that a campaign chooses models for. */
export const modelRoles = ["generator", "policy", "judge"] as const;
/** Kinds of messages and names of buckets. */
const unreadableKinds: readonly (MessageKind | (typeof buckets)[keyof typeof buckets])[] = [
  ...messageKinds,
  ...Object.values(buckets),
];
const model = namedBy("models of campaigns");
const lane = namedBy("providers, keys and families of models");
const pool = namedBy("pools of the configuration");

export const processCatalogue = {
  hindcast_build_info: gauge("1, with what runs.", {
    process: ["coordinator", "rollout-agent", "index-core"],
    version: namedBy("the release", 1),
    node: namedBy("the release of Node.js", 1),
  }),
  hindcast_process_state: gauge("1 for the state that the process is in, else 0.", {
    state: ["starting", "running", "draining", "stopped", "failed"],
  }),
  hindcast_event_loop_delay_seconds: gauge("Delay of the event loop since the last scrape.", {
    quantile: ["0.5", "0.99", "1"],
  }),
  hindcast_bus_connected: gauge("1 while the connection to NATS is up, else 0."),
  hindcast_bus_disconnects_total: counter("Losses of the connection to NATS."),
  hindcast_bus_errors_total: counter("Errors that the bus reported and went on after."),
  hindcast_unreadable_total: counter(
    "Messages that were kept but not read: of an unknown version or kind, or damaged.",
    {
      what: unreadableKinds,
    },
  ),
  hindcast_trace_spans_total: counter(
    "Spans by what became of them: the collector took them, did not, or there were too many at once.",
    { outcome: ["sent", "failed", "dropped"] },
  ),
} as const;

const waitSeconds = [0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1, 5, 20, 60, 300, 1_800];

/** Of every process that sends requests to providers: all three. */
export const admissionClientCatalogue = {
  hindcast_lane_wait_seconds: histogram(
    "Time from asking for admission to having it, by lane and by who gave it.",
    { lane, by: ["fleet", "share"] },
    waitSeconds,
  ),
  hindcast_lane_retry_total: counter("Requests to providers that were not answered, by reason.", {
    reason: [...(Object.keys(failureRules) as (keyof typeof failureRules)[]), "aborted"],
  }),
  hindcast_admission_away: gauge("1 while nobody admits for the fleet and this process uses its share of the lanes."),
} as const;

/** Of coordinators and agents: they lease tasks. */
export const leaseCatalogue = {
  hindcast_task_deliveries_total: counter("Tasks that were leased, by whether this was their first delivery.", {
    pool,
    delivery: ["first", "again"],
  }),
  hindcast_task_handled_total: counter("Leased tasks, by what became of this delivery.", {
    pool,
    handled: ["done", "handed-back", "parked", "left", "retried", "dead-lettered", "unsettled"],
  }),
  hindcast_tasks_held: gauge("Tasks that this process works on now.", { pool }),
  hindcast_leases_held: gauge("Leases that this process holds, by what they are on.", { on: leaseKinds }),
  hindcast_lease_acquisitions_total: counter("Attempts to get a lease, by what came of them.", {
    on: leaseKinds,
    outcome: ["acquired", "held", "closed"],
  }),
  hindcast_leases_lost_total: counter("Leases that expired or were taken over while they were held.", {
    on: leaseKinds,
  }),
} as const;

const roleAndPurpose = { model, role: modelRoles, purpose: Purpose.options };

/** Of coordinators and agents: they ask models. */
export const modelCatalogue = {
  hindcast_model_calls_total: counter(
    "Calls of models, by how they were answered; `journaled` ones cost nothing again.",
    {
      ...roleAndPurpose,
      outcome: ["bought", "batched", "journaled", "offline", "failed"],
    },
  ),
  hindcast_model_failures_total: counter("Calls that ended in an error after all attempts, by its code.", {
    model,
    code: ErrorCode.options,
  }),
  hindcast_model_call_seconds: histogram(
    "Time from a call to its answer, admission and retries included, without journaled ones.",
    { model, role: modelRoles },
    [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 3_600, 86_400],
  ),
  hindcast_model_tokens_total: counter(
    "Tokens of calls that were not answered from the journal, by how they are billed.",
    {
      ...roleAndPurpose,
      kind: ["input", "cache-read", "cache-write", "output"],
    },
  ),
  hindcast_model_cost_usd_total: counter("Dollars of the calls whose price is known.", roleAndPurpose),
  hindcast_model_unpriced_calls_total: counter("Calls that were bought at an unknown price.", { model }),
} as const;
