// What a coordinator exposes. What all of them can see alike (queues, streams, campaigns) each of them exposes: take the
// maximum over instances, not the sum. Lanes and budgets are exposed by the one that admits.
import { CampaignState } from "../../../domain/campaign.ts";
import { ReplayVerdict } from "../../../domain/demonstration.ts";
import { EndReason } from "../../../domain/episode.ts";
import { Ruling, Verdict } from "../../../domain/verdict.ts";
import { buckets, streams } from "../../../protocol/subjects.ts";
import { counter, gauge, histogram, namedBy } from "../metric-definition.ts";

const pool = namedBy("pools of the configuration");
const lane = namedBy("providers, keys and families of models");
const judge = namedBy("models of campaigns");
const stream = [
  ...Object.values(streams),
  ...Object.values(buckets).flatMap((bucket) => [`KV_${bucket}`, `OBJ_${bucket}`]),
];

/** The buckets of a campaign's funnel, without what names a judge, a rule or a need. */
export const funnelBuckets = [
  ...(["learned from", "held out", "not chosen this time", "rolled-out", "declined", "duplicate"] as const),
  ...EndReason.options,
  ...(["constructed", "rule", "no usable instruction", "accepted", "rejected", "open"] as const),
  ...ReplayVerdict.options,
  ...(["indexed", "too large for a message"] as const),
] as const;

export const coordinatorCatalogue = {
  hindcast_tasks: gauge("Tasks on the work queue, by state. The same from every coordinator.", {
    pool,
    state: ["queued", "working"],
  }),
  hindcast_tasks_working_limit: gauge(
    "Tasks that may be `working` at once, those handed back with a delay included; at it NATS hands out none.",
    { pool },
  ),
  hindcast_queue_oldest_seconds: gauge("Age of the oldest task that waits for a worker; 0 where none waits.", { pool }),
  hindcast_stream_messages: gauge("Messages of a stream. The same from every coordinator.", { stream }),
  hindcast_stream_bytes: gauge("Bytes of a stream on disk.", { stream }),
  hindcast_stream_limit_bytes: gauge("Bytes at which a stream refuses or discards; absent where nothing limits it.", {
    stream,
  }),
  hindcast_bus_reading_failed: gauge("1 while queues, streams and campaigns cannot be read from NATS, else 0."),
  hindcast_campaigns: gauge("Campaigns, by state. The same from every coordinator.", { state: CampaignState.options }),
  hindcast_campaigns_led: gauge("Campaigns that this coordinator leads."),
  hindcast_funnel_items: gauge(
    "What became of the items of the campaigns that this coordinator leads or led to their end.",
    {
      stage: ["documents", "tasks", "episodes", "windows", "candidates", "replay", "demonstrations"],
      bucket: funnelBuckets,
    },
  ),
  hindcast_stage_seconds: histogram(
    "Time of one stage of a campaign on the coordinator that worked on it.",
    { stage: ["propose", "construct"], outcome: ["completed", "failed", "cancelled"] },
    [0.01, 0.1, 0.5, 1, 5, 15, 60, 300, 1_800, 7_200, 86_400],
  ),
  hindcast_committee_votes_total: counter("Votes of judges.", { judge, answer: Verdict.shape.answer.options }),
  hindcast_committee_rulings_total: counter("Pairs that the committee ruled on.", {
    outcome: Ruling.shape.outcome.options,
  }),
  hindcast_committee_agreement_total: counter(
    "How the judges of a ruling agreed; the first no ends a vote, so `overruled` is a no after at least one yes.",
    { agreement: ["unanimous", "overruled", "first-no", "abstained"] },
  ),
  hindcast_replay_verdicts_total: counter("Accepted windows, by what their replay showed.", {
    verdict: ReplayVerdict.options,
  }),
  hindcast_demonstrations_stored_total: counter("Demonstrations put on their stream."),
  hindcast_lane_limit: gauge("Requests at once that a lane bears now.", { lane }),
  hindcast_lane_in_flight: gauge("Admitted requests that are not settled, by lane.", { lane }),
  hindcast_lane_waiting: gauge("Requests that wait for admission, by lane.", { lane }),
  hindcast_lane_paused: gauge("1 while a lane is paused (spend limit, daily quota), by lane.", { lane }),
  hindcast_budget_used_ratio: gauge("Largest share of its dollars that a budget has spent or reserved.", {
    account: ["fleet", "campaigns"],
  }),
  hindcast_budget_limit_usd: gauge("Dollar limits: the fleet's, and those of campaigns that are not over together.", {
    account: ["fleet", "campaigns"],
  }),
  hindcast_budget_settled_usd: gauge("Dollars that are spent of them.", { account: ["fleet", "campaigns"] }),
  hindcast_budget_escrow_usd: gauge("Dollars that are reserved by requests under way.", {
    account: ["fleet", "campaigns"],
  }),
  hindcast_admission_zombie_settlements_total: counter(
    "Settlements that were ignored because their reservation had expired or was settled before.",
  ),
  hindcast_budget_excess_usd_total: counter(
    "Dollars that requests cost beyond the most that they were estimated to cost.",
  ),
} as const;
