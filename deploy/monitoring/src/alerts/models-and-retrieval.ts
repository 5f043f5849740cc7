import { type Alert, gaugeCase, shareCase } from "../alert.ts";

const bucket = (le: string): string => `hindcast_retrieval_request_seconds_bucket{endpoint="search", le="${le}"}`;
/** Not of its whole life, in which bad hours hardly show, and good ones hardly either. */
export const recallLately =
  "sum by (instance) (increase(hindcast_retrieval_recall_found_total[6h])) / sum by (instance) (increase(hindcast_retrieval_recall_wanted_total[6h]))";
const requests = 'hindcast_retrieval_request_seconds_count{endpoint="search"}';

export const modelAndRetrievalAlerts: readonly Alert[] = [
  {
    name: "HindcastModelCallsFail",
    value:
      'sum by (model) (rate(hindcast_model_calls_total{outcome="failed"}[10m])) / sum by (model) (rate(hindcast_model_calls_total[10m]))',
    condition: "> 0.2",
    forMinutes: 10,
    severity: "page",
    summary: "{{ $value | humanizePercentage }} of the calls of {{ $labels.model }} fail after all attempts",
    means:
      "The provider does not answer, refuses the key, or has no quota. Campaigns wait half an hour, then end as failed.",
    lookAt: "hindcast_model_failures_total by code in the Model lanes dashboard; the status page of the provider.",
    act: "By code: MODEL_UNAUTHORIZED, a new key; MODEL_BUDGET_EXHAUSTED, the quota; otherwise wait or change the model.",
    ...shareCase(
      'hindcast_model_calls_total{model="m", outcome="failed"}',
      'hindcast_model_calls_total{model="m", outcome="bought"}',
    ),
    atMinutes: 30,
  },
  {
    name: "HindcastLanePaused",
    value: "max by (lane) (hindcast_lane_paused)",
    condition: "== 1",
    forMinutes: 1,
    severity: "ticket",
    summary: "lane {{ $labels.lane }} is paused",
    means:
      "The provider said that a spend limit or daily quota is used up. No request of the lane is sent until it resets.",
    lookAt: "`hindcast lanes`: until when, and in the provider's words why.",
    act: "Raise the limit at the provider, then resume the lane (`hindcast ctl`); or let it reset.",
    ...gaugeCase('hindcast_lane_paused{lane="openai.m.1", instance="a"}', "1+0", "0+0"),
    atMinutes: 5,
  },
  {
    name: "HindcastBudgetNearlySpent",
    value: "max by (account) (hindcast_budget_used_ratio)",
    condition: "> 0.9",
    forMinutes: 0,
    severity: "ticket",
    summary: "{{ $value | humanizePercentage }} of the dollars of account {{ $labels.account }} are spent or reserved",
    means: "At the limit no request is admitted any more and campaigns end as CAMPAIGN_BUDGET_EXHAUSTED.",
    lookAt: "Campaign funnel & cost dashboard: dollars by model, role and purpose.",
    act: "Raise the limit, or pause what may wait.",
    ...gaugeCase('hindcast_budget_used_ratio{account="fleet", instance="a"}', "0.95+0", "0.5+0"),
    atMinutes: 5,
  },
  {
    name: "HindcastAdmissionAway",
    value: "hindcast_admission_away",
    condition: "== 1",
    forMinutes: 5,
    severity: "ticket",
    summary: "{{ $labels.instance }} finds nobody who admits its model calls",
    means: "No coordinator admits. Processes go on within a share of the lanes; budgeted campaigns wait.",
    lookAt: "Whether a coordinator runs; `admission.*` in its log.",
    act: "Start a coordinator.",
    ...gaugeCase('hindcast_admission_away{instance="a"}', "1+0", "0+0"),
    atMinutes: 10,
  },
  {
    name: "HindcastRetrievalSlow",
    value:
      'histogram_quantile(0.99, sum by (le) (rate(hindcast_retrieval_request_seconds_bucket{endpoint="search"}[5m])))',
    condition: "> 0.1",
    forMinutes: 10,
    severity: "ticket",
    summary: "p99 of retrieval is {{ $value }} s",
    means: "Every step of every episode waits for retrieval. It is meant to take milliseconds.",
    lookAt: "Retrieval dashboard: which stage grew (queue, embed, filter, dense, encode), CPU, merges that are due.",
    act: "Queue: add replicas. Embed: the provider. Dense: let merges finish, or divide the index into partitions.",
    fires: [
      { series: bucket("0.1"), values: "0+1x90" },
      { series: bucket("0.5"), values: "0+100x90" },
      { series: bucket("+Inf"), values: "0+100x90" },
    ],
    staysQuiet: [
      { series: bucket("0.1"), values: "0+100x90" },
      { series: bucket("0.5"), values: "0+100x90" },
      { series: bucket("+Inf"), values: "0+100x90" },
    ],
    atMinutes: 30,
  },
  {
    name: "HindcastRetrievalErrors",
    value:
      "(sum(rate(hindcast_retrieval_errors_total[5m])) or vector(0)) / sum(rate(hindcast_retrieval_request_seconds_count[5m]))",
    condition: "> 0.01",
    forMinutes: 10,
    severity: "page",
    summary: "{{ $value | humanizePercentage }} of the retrieval requests end in errors",
    means: "Episodes break or are tried again, because retrieval is on the path of every step.",
    lookAt: "hindcast_retrieval_errors_total by code in the Retrieval dashboard.",
    act: "INDEX_OVERLOADED: add replicas. INDEX_NOT_READY: a partition is missing. PROTOCOL_*: a client sends nonsense.",
    fires: [
      { series: 'hindcast_retrieval_errors_total{endpoint="search", code="INDEX_OVERLOADED"}', values: "0+5x90" },
      { series: requests, values: "0+100x90" },
    ],
    // Errors that never came have no series.
    staysQuiet: [{ series: requests, values: "0+100x90" }],
    atMinutes: 30,
  },
  {
    name: "HindcastRetrievalLags",
    value: "max by (instance) (hindcast_retrieval_lag)",
    condition: "> 1000",
    forMinutes: 10,
    severity: "ticket",
    summary: "{{ $labels.instance }} lacks {{ $value }} messages of the demonstrations stream",
    means: "The replica answers from an older state than that of the stream. A rebuild after a start looks the same.",
    lookAt:
      "Its log (`index.*`, `embedder.away`, `demonstration.rejected`), and the lane of its embedder if that is a provider.",
    act: "Wait for a rebuild; give it CPU; if the embedder is paused, see HindcastLanePaused.",
    ...gaugeCase('hindcast_retrieval_lag{instance="a"}', "5000+0", "3+0"),
    atMinutes: 15,
  },
  {
    name: "HindcastRecallLow",
    value: recallLately,
    condition: "< 0.95",
    forMinutes: 30,
    severity: "ticket",
    summary: "graphs of {{ $labels.instance }} find {{ $value | humanizePercentage }} of what an exact search finds",
    means: "Searches that are sampled and made again exactly show that the graphs miss demonstrations.",
    lookAt:
      "hindcast_retrieval_dead_ratio and pending builds: many dead rows lower the recall until they are merged away.",
    act: "Let merges finish. If it stays, divide the index (HINDCAST_INDEX_PARTITIONS): small ranges are scanned exactly. Emptying the folder brings the same graphs back.",
    fires: [
      { series: 'hindcast_retrieval_recall_found_total{instance="a"}', values: "990000+70x90" },
      { series: 'hindcast_retrieval_recall_wanted_total{instance="a"}', values: "1000000+100x90" },
    ],
    staysQuiet: [
      { series: 'hindcast_retrieval_recall_found_total{instance="a"}', values: "700000+99x90" },
      { series: 'hindcast_retrieval_recall_wanted_total{instance="a"}', values: "1000000+100x90" },
    ],
    atMinutes: 45,
  },
];
