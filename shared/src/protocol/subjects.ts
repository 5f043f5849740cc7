// Every subject, stream, bucket and consumer name, and nothing else. Other languages copy these: pinned by a test.
import type { CampaignId, DemonstrationId, EpisodeId, TaskId, WorkerId } from "../domain/ids.ts";

/** A pool is the kind of world that a worker can host; one work-queue consumer and one scaler each. */
export type Pool = string;

/** The pool whose tasks coordinators lease from each other: no world, only models. */
export const stagePool: Pool = "stage";
/** Their pool for stages that wait for batches of model calls, which may take a day. */
export const batchedStagePool: Pool = "stage-batched";

export const streams = {
  tasks: "TASKS",
  trajectories: "TRAJECTORIES",
  results: "RESULTS",
  demonstrations: "DEMONSTRATIONS",
  advisories: "ADVISORIES",
  deadLetters: "DEAD_LETTERS",
  audit: "AUDIT",
} as const;

export const buckets = {
  leases: "LEASES",
  workers: "WORKERS",
  journal: "JOURNAL",
  vectors: "VECTORS",
  campaigns: "CAMPAIGNS",
  batches: "BATCHES",
  blobs: "BLOBS",
  /** Snapshots of indexes: pointers in the key-value bucket, files in the object store of the same name. */
  indexes: "INDEXES",
  /** Dollars settled and reserved, by campaign and of the fleet. */
  budgets: "BUDGETS",
  /** What is known of each lane of a provider. */
  lanes: "LANES",
} as const;

export const subjects = {
  task: (pool: Pool, campaign: CampaignId, task: TaskId): string => `hindcast.task.${pool}.${campaign}.${task}`,
  tasksOfPool: (pool: Pool): string => `hindcast.task.${pool}.>`,
  tasksOfCampaign: (pool: Pool, campaign: CampaignId): string => `hindcast.task.${pool}.${campaign}.>`,
  tasks: "hindcast.task.>",
  /** The worker's id comes first, so one line of its permissions confines it. */
  trajectory: (worker: WorkerId, campaign: CampaignId, episode: EpisodeId, attempt: number): string =>
    `hindcast.trajectory.${worker}.${campaign}.${episode}.${attempt}`,
  trajectoriesOfEpisode: (campaign: CampaignId, episode: EpisodeId): string =>
    `hindcast.trajectory.*.${campaign}.${episode}.*`,
  trajectoriesOfCampaign: (campaign: CampaignId): string => `hindcast.trajectory.*.${campaign}.>`,
  trajectories: "hindcast.trajectory.>",
  result: (campaign: CampaignId, task: TaskId): string => `hindcast.result.${campaign}.${task}`,
  resultsOfCampaign: (campaign: CampaignId): string => `hindcast.result.${campaign}.>`,
  results: "hindcast.result.>",
  demonstration: (environment: string, id: DemonstrationId): string => `hindcast.demonstration.${environment}.${id}`,
  demonstrations: "hindcast.demonstration.>",
  /** In the same stream: what replicas of an index tell each other. `range` is `<from>-<to>`, `phase` is the last part of the entry's kind. */
  graph: (group: string, environment: string, range: string, phase: "begin" | "ready"): string =>
    `hindcast.graph.${group}.${environment}.${range}.${phase}`,
  graphs: "hindcast.graph.>",
  deadLetter: (stream: string, sequence: number): string => `hindcast.dead.${stream}.${sequence}`,
  deadLetters: "hindcast.dead.>",
  retrievalSearch: "hindcast.retrieval.search",
  retrievalGet: "hindcast.retrieval.get",
  retrievalStats: "hindcast.retrieval.stats",
  retrievalExplain: "hindcast.retrieval.explain",
  retrievalHealth: "hindcast.retrieval.health",
  /** Binary: a vector frame in, a vector frame out (vector-frame.ts). */
  retrievalVectors: "hindcast.retrieval.vectors",
  /** What the merging front asks; `verb` is the last token of the subjects above. */
  retrievalPartition: (partition: number, verb: RetrievalVerb): string =>
    `hindcast.retrieval.partition.${partition}.${verb}`,
  retrievalPartitions: "hindcast.retrieval.partition.>",
  /** Core request/reply to the coordinator: one subject per verb of `protocol/control.ts`. */
  control: (verb: string): string => `hindcast.control.${verb}`,
  controls: "hindcast.control.*",
  /** Core request/reply to the one process that admits: one subject per verb of `protocol/admission.ts`. */
  admission: (verb: AdmissionVerb): string => `hindcast.admission.${verb}`,
  /** Core request/reply to one agent; only coordinators may ask. */
  workerControl: (worker: WorkerId): string => `hindcast.worker.${worker}.control`,
  /** What was asked of the cluster, by verb. */
  audit: (verb: string): string => `hindcast.audit.${verb}`,
  audits: "hindcast.audit.>",
  /** Core publish, lossy by intent: what a progress bar shows. */
  progress: (campaign: CampaignId): string => `hindcast.progress.${campaign}`,
} as const;

export type AdmissionVerb = "reserve" | "settle" | "renew" | "status" | "resume" | "tune" | "room" | "hold" | "pay";

export type RetrievalVerb = "search" | "get" | "stats" | "explain" | "health" | "vectors";

/** What a lease can be held on; its key in the LEASES bucket. */
export type LeaseName = `episode.${string}` | `task.${string}` | `campaign.${string}` | `batch.${string}` | "admission";

export const leaseOf = {
  episode: (episode: EpisodeId): LeaseName => `episode.${episode}`,
  /** Of a task that is no episode. */
  task: (task: TaskId): LeaseName => `task.${task}`,
  campaign: (campaign: CampaignId): LeaseName => `campaign.${campaign}`,
  /** The one process that submits and polls a batch of model calls. */
  batch: (batch: string): LeaseName => `batch.${batch}`,
  /** The one process that admits model calls for the fleet. */
  admission: "admission",
} as const;

/** Durable pull consumer of a pool on TASKS. */
export const taskConsumer = (pool: Pool): string => `workers-${pool}`;

/** Name under which retrieval registers as a NATS micro service (ADR-32). */
export const retrievalServiceName = "hindcast-retrieval";
