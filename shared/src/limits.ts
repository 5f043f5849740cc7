// Every cap of the system that is not a setting, with its arithmetic. A queue, buffer, retry or loop without a named
// cap is a fault.

import { browserLimits } from "./browser-limits.ts";

const KiB = 1024;
const MiB = 1024 * KiB;

export const limits = {
  /** NATS max_payload is 1 MiB by default; a message keeps a factor of four below it, so headers and JSON escapes fit. */
  messageBytesMax: 256 * KiB,
  /** Blobs are chunked by the object store; the cap is memory on either side (one blob is held whole). */
  blobBytesMax: 64 * MiB,
  /** Lease on an episode: three renewals may be missed. Shorter than ack_wait, so a redelivered task finds it free. */
  leaseTtlMs: 25_000,
  leaseRenewMs: 8_000,
  /**
   * A closed lease holds a decided result until it is stored: longer than any outage that somebody watches. With the age
   * up to which blobs count as new it fits into the age at which they are removed: the garbage collection reads one stream
   * after the other and may see a result that moves meanwhile in neither, so what it names has to be young (limits.test.ts).
   */
  closedLeaseTtlMs: 43_200_000,
  /** How late a server may be to remove what has expired. */
  expiryLagMsMax: 10_000,
  /** Leases of others that a process remembers, to tell one that nobody renews. */
  leasesSeenMax: 1_000,
  /** A lease's value: a result at most, and who decided it. */
  leaseBytesMax: 257 * KiB,
  /** JetStream ack_wait for tasks, the time until a dead worker's task is delivered again; `working()` every third. */
  ackWaitMs: 30_000,
  workingEveryMs: 10_000,
  /**
   * Lease of a coordinator on a campaign or a stage task, and ack_wait of the stage pool: short, because what another one
   * takes over is a run over stored results and journaled answers, with no sandbox to rebuild. Lease < ack_wait as above.
   */
  coordinatorLeaseTtlMs: 6_000,
  stageAckWaitMs: 9_000,
  stageWorkingEveryMs: 3_000,
  /** How often a coordinator looks whether a running campaign has lost its leader. */
  leaderLookEveryMs: 1_000,
  /** Stage tasks that one coordinator works on at once; nearly all of their time is waiting for models. */
  stageSlotsMax: 32,
  /**
   * Those of them that may wait for batches, beside the others: the 256 episodes that a campaign has in flight and as many
   * documents. Each renews its lease (`leaseRenewMs`) and its message (`workingEveryMs`): 115 small messages a second.
   */
  batchedStageSlotsMax: 512,
  /** Attempts at an episode, one after the other, that add no step and do not end in order, before it goes to the dead letters. */
  fruitlessAttemptsMax: 7,
  /** Deliveries of a task before it goes there: above the former, because a kill from outside costs one; without records the only bound. */
  deliveriesMax: 20,
  /** The same for a stage that waits for batches: every restart of its coordinator within that day or two counts as one. */
  batchedStageDeliveriesMax: 50,
  /** nak(delay) occupies a max_ack_pending slot, so it stays short; longer waits go through a schedule. */
  nakDelayMsMax: 10_000,
  /** Publishing against a full stream: wait at most this long between tries (doubling from 50 ms). */
  backpressureDelayMsMax: 2_000,
  /** A worker's heartbeat in the WORKERS bucket, and its time to live (six beats). */
  heartbeatMs: 5_000,
  workerTtlMs: 30_000,
  /** One try of a JetStream request; a healthy server answers within a few fsyncs. */
  busTryTimeoutMs: 5_000,
  /** How long a bus operation outlasts a lost connection: a server upgrade or node move, not a lost cluster. */
  busOutageMsMax: 300_000,
  /** How long "nobody takes this subject" is believed to be a server that still recovers its streams. */
  busNoStreamMsMax: 15_000,
  /** Wait between tries of a bus operation: doubling from 50 ms. */
  busRetryDelayMsMax: 2_000,
  /** Workers of one cluster, and tasks each works on at once: sizes max_waiting and max_ack_pending (twice each). */
  workersMax: 1_000,
  slotsPerWorkerMax: 64,
  /** Stored messages read in one round trip, and their bytes; bounds the memory of every reader. */
  readBatchMax: 256,
  readBatchBytesMax: 8 * MiB,
  /** Chunk of a blob in the object store (its own default). */
  blobChunkBytes: 128 * KiB,
  /**
   * Content that is stored in parts, so that what two images share is stored once. A part's name takes 44 bytes in its
   * blob's record: at parts of 40 KiB on average 32 MiB fit a message.
   */
  sharedBlobBytesMax: 32 * MiB,
  sharedPartBytesMin: 8 * KiB,
  sharedPartBytesMax: 128 * KiB,
  /** Parts that a process remembers to have put: some 4 MiB, and 600 MiB of content. */
  knownPartsMax: 16_384,
  /**
   * A blob that is put again when it is older than this counts as new. The garbage collection removes nothing younger
   * than twice this: so long may a record take to be written after the blobs that it names, the time that a result waits
   * in a closed lease (`closedLeaseTtlMs`) included.
   */
  blobRenewMs: 43_200_000,
  blobGarbageAgeMsMin: 86_400_000,
  /** A snapshot that is no larger unpacked is stored whole: its parts would be few and change together. */
  wholeSnapshotBytesMax: 64 * KiB,
  /** Observations with more text than this lie in a blob, and their record names it. */
  observationInlineBytesMax: 32 * KiB,
  /** Stream retention: trajectories are raw material, advisories and dead letters are for the operator. */
  trajectoryAgeMsMax: 30 * 86_400_000,
  advisoryAgeMsMax: 14 * 86_400_000,
  deadLetterAgeMsMax: 30 * 86_400_000,
  /** Attempts that a dead letter tells of, newest kept: each is a header of at most half a KiB. */
  deadLetterHistoryMax: 10,
  /** The audit log outlasts what it speaks of: the same question is asked after a year. */
  auditAgeMsMax: 365 * 86_400_000,
  /** Campaigns, workers or dead letters that one command changes: as many as there may be workers, in one message. */
  changesMax: 1_000,
  /** Agents that are asked at once by a command that is for all of them, and how long one of them may take. */
  workersAskedAtOnce: 32,
  workerCommandTimeoutMs: 3_000,
  /** How often a task that was queued already is offered again: a paused agent may have just put it aside. */
  offerAgainEveryMs: 2_000,
  /** Requests one endpoint works on at once; further ones are refused as BUS_FULL, which callers may retry. */
  requestsInFlightMax: 256,
  /** Searches that one retrieval replica works on or holds back for `minSequence`; more are INDEX_OVERLOADED at once. */
  retrievalInFlightMax: 128,
  /** Queries that join one call of the index, and how long the first of them waits for company. */
  searchBatchQueriesMax: 256,
  searchBatchWaitMsMax: 0.15,
  /** Vector frames: what one may ask for. 600 vectors of 384 components fill a message. */
  vectorDimensionsMax: 8_192,
  vectorQueriesMax: 4_096,
  vectorHitsMax: 1_000,
  /** Partitions of one index: every replica asks each of them once per search. */
  indexPartitionsMax: 256,
  /** A replica that is further behind the stream says that it is not ready. */
  indexLagMax: 10_000,
  /** An index is checkpointed after so many messages of the stream, or after this time if there was any. */
  checkpointMessagesMax: 50_000,
  checkpointEveryMs: 600_000,
  /** Files of an index snapshot travel in parts of this size; one is held in memory at a time. */
  snapshotPartBytes: 8 * MiB,
  /** A replica that publishes a snapshot has this long; afterwards another one may. */
  snapshotClaimMs: 1_800_000,
  /** A snapshot's part that no pointer names is kept this long: its pointer may be about to come (see `blobRenewMs`). */
  snapshotOrphanMs: 86_400_000,
  /** Pointers of another index version or partitioning are kept this long after their last snapshot: a rollback. */
  snapshotOtherVersionMs: 7 * 86_400_000,
  /** Demonstrations read ahead of the index; bounds what a replica holds twice while it catches up. */
  projectionBatchMax: 256,
  /** Between the beginnings of batches, unless one is awaited or full: small ones cost more than twice as much a row. */
  projectionGatherMs: 20,
  /** How often a replica looks for what it should tell of its graphs, and after how long it tells the same again. */
  graphNewsEveryMs: 1_000,
  graphNewsRepeatMs: 60_000,
  /** Times that one message may end the process that applies it before it is passed over, and how many are remembered. */
  crashesMax: 3,
  crashSkipsMax: 1_000,
  /** Times in a row that a campaign may be taken up in vain, before it fails: kills from outside count like its own crashes. */
  campaignTakeUpsMax: 25,
  /** A leader that has lived so long with a campaign was not ended by it; running into a known end again takes less. */
  campaignProvenMs: 30_000,
  /** A replica that finds no demonstrations stream waits this long for a coordinator to create it. */
  streamWaitMsMax: 60_000,
  /** Reply to a request: max_payload of 1 MiB less room for headers. */
  replyBytesMax: 1 * MiB - 64 * KiB,
  /** Lossy progress messages kept for a slow reader; the oldest are dropped. */
  progressQueueMax: 1_000,
  /** Request/reply deadline where the caller gives none. */
  requestTimeoutMs: 10_000,
  /** Model calls: tries within one call (the first included) and the longest single wait between two. */
  modelAttemptsMax: 8,
  modelRetryDelayMsMax: 60_000,
  modelCallTimeoutMs: 600_000,
  /** Answers that break the wire protocol may each be billed: fewer tries than for outages. */
  modelInvalidAnswersMax: 3,
  /** Completions kept in the journal are text; larger answers than this are refused as invalid. */
  modelAnswerBytesMax: 1 * MiB,
  /** Requests of one batch: what 256 episodes with four calls each ask at once; their list fits one record. */
  batchRequestsMax: 1_000,
  /** Bytes of one batch: far below what the providers take (256 MB and 2 GB), because it is held in memory. */
  batchBytesMax: 16 * MiB,
  /** A batch is handed in when nothing joined it for this long, and at the latest this long after its first request. */
  batchQuietMs: 2_000,
  batchQuietMsMax: 15_000,
  /** Batches of one model that are open at once; what comes then waits and makes a larger batch. */
  batchesOpenMax: 32,
  /** Asking how a batch is getting on: from this wait, half as long again each time, up to the other. */
  batchPollMs: 2_000,
  batchPollMsMax: 60_000,
  /** After a submission whose outcome is unknown: how long it may take to show up in the provider's list. */
  batchSettleMs: 30_000,
  /** Batches of the provider's list that are looked through for one whose id was lost. */
  batchesListedMax: 1_000,
  /** Batches that one request goes through before it has failed; expired and cancelled ones count. */
  batchTriesMax: 3,
  /** A batch that has not ended by then never will: Gemini's jobs expire after 48 hours, Anthropic's after 24. */
  batchOpenMsMax: 50 * 3_600_000,
  /** How often a process looks after batches that others had open, and how long a closed one is remembered. */
  batchTendMs: 10_000,
  batchRecordAgeMs: 30 * 86_400_000,
  /** Journal reads and compare-and-set rounds of one group. */
  batchLookupsAtOnce: 64,
  batchRoundsMax: 100,
  /** Texts of one embedding request: Gemini's own cap, the smallest of the providers'. */
  embeddingBatchTextsMax: 100,
  /** Tokens of one embedding request, about: an eighth of OpenAI's cap, a small part of anybody's tokens per minute. */
  embeddingBatchTokensMax: 32_000,
  /** Embedding requests of one call that are under way at once. */
  embeddingRequestsAtOnce: 4,
  /** Vectors kept in memory in front of the VECTORS bucket: about 20,000 of 768 dimensions. */
  vectorCacheBytesMax: 64 * MiB,
  /** Reads and writes of the VECTORS bucket that are under way at once: each is a round trip of its own. */
  vectorLookupsAtOnce: 64,
  /** A request for admission is held back this long before it is told what it waits for, and asks on. */
  admissionWaitMs: 20_000,
  /** Longest wait for admission: of a paused lane or for dollars that others have reserved a day, else half an hour. */
  admissionPauseMsMax: 86_400_000,
  admissionStallMsMax: 1_800_000,
  /** Requests for admission that may wait at once: every slot of the largest fleet, and as many calls of campaigns. */
  admissionWaitingMax: 16_000,
  /** Unsettled reservations of one budget; their record (250 bytes each at most) must fit a message. */
  admissionOpenMax: 1_000,
  /** Holders of reservations say so this often; after this silence they are taken for dead. */
  admissionRenewMs: 10_000,
  admissionHolderTtlMs: 35_000,
  /** Lease on admitting for the fleet: what a crash costs until another coordinator takes over. */
  admissionLeaseMs: 6_000,
  /** How often whoever does not admit looks whether it should, and waiting lanes are looked at again at the latest. */
  admissionElectionMs: 1_000,
  admissionLookMs: 250,
  /** A settlement is tried again for this long; afterwards the reservation expires and is charged in full. */
  admissionSettleMsMax: 60_000,
  /** Lanes are written down at most this often. */
  admissionSaveMs: 1_000,
  /** Pools of rollout tasks of one cluster, one per kind of world. */
  poolsMax: 16,
  /** Lanes of one fleet: providers times keys times model families. */
  admissionLanesMax: 256,
  /** Times a judge that abstained is asked again before the ruling is reported open. */
  judgeRoundsMax: 3,
  /** Documents: one file, one folder, one chunk. */
  documentFileBytesMax: 50 * MiB,
  documentFilesMax: 100_000,
  documentTokensMax: 2_000,
  /**
   * What one sandbox may have in flight through its egress proxy: a browser opens six connections to a host, package
   * managers a dozen or two.
   */
  egressConnectionsMax: 64,
  /** Requests of one connection at a time: the next may come while the end of an answer is still on its way. */
  egressPipelinedMax: 2,
  egressRulesMax: 256,
  /** Request line and headers together, as Node's own default. */
  egressHeaderBytesMax: 16 * KiB,
  /** A rule's bytes in both directions and a request's time, where the rule says nothing. */
  egressBytesMaxDefault: 256 * MiB,
  egressTimeMsDefault: 120_000,
  egressTimeMsMax: 3_600_000,
  /** The greeting of a TLS client through a tunnel: one record of 16 KiB holds any of them. */
  egressHelloBytesMax: 17 * KiB,
  egressHelloMs: 10_000,
  /** How long a name, and then its address, may take to answer. */
  egressResolveMs: 10_000,
  egressConnectMs: 20_000,
  /** Of a path in a record, and records of one episode: some 5 MB; what comes after is counted. */
  egressPathCharsMax: 1_000,
  egressRecordsMax: 10_000,
  /** An agent looks this often for sandboxes on its machine that nobody may work in; the second look in a row ends them. */
  sandboxReapEveryMs: 5_000,
  /** Upstream's images are made anew in 200 to 500 s. */
  siteResetMsMax: 900_000,
  ...browserLimits,
  /** A page of a folder that is served to a browser. */
  siteFileBytesMax: 32 * MiB,
  /** Standard input of one command. */
  sandboxInputBytesMax: 4 * MiB,
  /** Columns and rows of a command's terminal, and what is typed there before the terminal takes it (as in the guest). */
  terminalCellsMax: 1_000,
  terminalTypedBytesAhead: 64 * 1024,
  /** A pool of warm sandboxes: kinds kept, openings in a row that may fail, and openings of one agent altogether. */
  sandboxShelvesMax: 16,
  sandboxPoolFailuresMax: 3,
  sandboxOpensPerSecondMax: 50,
  sandboxOpensWaitingMax: 1_000,
  /** Images: what all together may take on disk, and how long one waits for another process that builds the same. */
  imageBytesMax: 40 * 1024 * MiB,
  imageLockWaitMs: 30 * 60_000,
  /** A step of a build that is interrupted takes its mounts down in that time, or is killed. */
  imageStepEndMs: 20_000,
  /** A daemon's answer, a machine's boot: beyond this the driver is not there. */
  containerAnswerMs: 30_000,
  machineBootMs: 60_000,
  /** An API server's answer; a pod until it runs, images pulled and nodes grown; and until nothing of it is left. */
  clusterAnswerMs: 30_000,
  podStartMs: 180_000,
  podEndMs: 30_000,
  /** A watch that was closed is opened again after this. */
  podWatchPauseMs: 250,
  /** A pod's standard streams are asked for again this often where the node does not know the pod yet. */
  podAttachTriesMax: 5,
  podAttachPauseMs: 500,
  /** Silence on a pod's connection before it is asked whether it is still there; twice that, and it is not. */
  podPingMs: 20_000,
  /** No pod outlives this, whoever forgets it. */
  podSecondsMax: 24 * 60 * 60,
  /** Pods that one look of the reaper takes in. */
  podsFoundMax: 5_000,
  /** Whether KVM runs anything: hardware boots a machine in a second. */
  machineProbeMs: 10_000,
  /** First file systems of virtual machines, one for each build of the guest. */
  machineKernelsMax: 8,
  /** Saved machines of one image: combinations of mounts and memory, about a hundred megabytes each. */
  machineStatesMax: 12,
  /** Mounts of one virtual machine, of whose eight devices the channel and the root take two. */
  machineMountsMax: 6,
  /** Disks made of host folders for virtual machines; the one used longest ago goes first. */
  machineMountDisksMax: 32,
  /** How often a control group that is still busy is removed again, each time after twice the wait. */
  controlGroupRemovalsMax: 6,
  /** Connections into one sandbox at a time, and what either end sends ahead of the other's reading. */
  sandboxConnectionsMax: 256,
  sandboxConnectionBytesAhead: 256 * 1024,
  /** Drain: finish the running step, snapshot, hand back. Kubernetes' grace period is set above it. */
  drainMs: 30_000,
  /** After the drain deadline or a second signal: what each closer still gets to remove sandboxes and files. */
  abortMs: 5_000,
  /** Rebuilt worlds of one episode that may differ from their record, each followed by a fresh attempt. */
  divergencesMax: 3,
  /** A plug-in world's message, a line or a body: an observation, an image of its state, or a few screenshots. */
  worldMessageBytesMax: 8 * MiB,
  /** How long a plug-in world may take to start and introduce itself, and to reach a start state. */
  worldStartMsMax: 60_000,
  worldResetMsMax: 120_000,
  /** How long an MCP server may take to say which revisions of the protocol it speaks; a silent process is an older one. */
  worldProbeMsMax: 20_000,
  /** After its input has closed, before its processes are killed. */
  worldFarewellMs: 2_000,
  /** Of what one process of a world says on its error stream: logged up to here, then only read and counted. */
  worldComplaintBytesMax: 64 * KiB,
  /** Tools of one world, and all that a prompt says of them: some 16,000 tokens. */
  worldToolsMax: 128,
  worldToolBytesMax: 64 * KiB,
  /** Pages of an MCP server's list of tools. */
  worldToolPagesMax: 32,
  /** A Harbor task folder; what of it enters a task must fit a message beside everything else. */
  harborFilesMax: 500,
  harborBytesMax: 16 * MiB,
  harborTaskBytesMax: 160 * KiB,
  /** A verifier's reward file: a number, or some named ones. */
  harborRewardBytesMax: 64 * KiB,
  /** A snapshot of a sandbox's writable files, compressed. Above it the step has none and resume goes further back. */
  snapshotBytesMax: 32 * MiB,
  /** Self-hosted sites, built once: three programs of some 300 MiB, and as much for recipes that have changed. */
  sitesBytesMax: 4 * 1024 * MiB,
  /** Building one: packages from a registry, a compiler at work, on a busy machine. */
  siteBuildMsMax: 3_600_000,
  /** A copy starts within seconds; on a busy machine it takes its time. */
  siteReadyMsMax: 120_000,
  siteStopMsMax: 5_000,
  /** A visit that was left for so long may end where another one wants to begin: longer than a model thinks. */
  siteIdleMsMin: 300_000,
  /** Copies of one site: each is a process of 100 to 200 MiB. */
  siteCopiesMax: 64,
  /** A task file of WebArena or its kin: the largest published one has 0.9 MB. */
  webArenaFileBytesMax: 50 * MiB,
  webArenaTasksMax: 100_000,
  /** A pattern of a task file against one text: a sane one takes microseconds, a hostile one for ever. */
  taskPatternMs: 200,
  taskPatternTextMax: 1 * MiB,
  /** A recorded network log is a blob, so no larger than one; an hour of clicking is some ten thousand requests. */
  harEntriesMax: 50_000,
  /** Nesting of an agent's answer and of recorded JSON; deeper ones are read as malformed. */
  jsonDepthMax: 64,
  /** Items of a list that are compared without order: the comparison is quadratic. */
  comparedItemsMax: 2_000,
  /** What of an answer a fuzzy judge gets to read. */
  judgedAnswerCharsMax: 8_000,
  /** Values of a metric's label that a configuration names: each is a time series in every store for as long as it keeps any. */
  labelValuesMax: 64,
  /** Time series that a counter begins with at 0. */
  labelCombinationsMax: 100,
  /** A scrape that has to ask NATS: shorter than Prometheus's own ten seconds, so that the other metrics still come. */
  scrapeReadMs: 2_000,
  /** Spans that wait for the collector, and how many go to it at once; what is more is dropped and counted. */
  spansQueuedMax: 2_048,
  spansPerExportMax: 512,
  /** Of one span. */
  spanAttributesMax: 32,
  spanAttributeCharsMax: 256,
  spanLinksMax: 8,
  /** What a process that ends gives its collector for the last spans; a part of `drainMs`. */
  spanFlushMs: 3_000,
  /** A benchmark's data file, packed and unpacked: SWE-bench Verified has 9 MB; text of half a GiB is more than one string holds. */
  benchmarkFileBytesMax: 384 * MiB,
} as const;
