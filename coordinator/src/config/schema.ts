// What a user can set, once: names, bounds and meaning. Files, environment, flags, the JSON Schema for editors and the
// README's table all follow from this object.
import {
  BatchSettings,
  CampaignSettings,
  EgressRuleText,
  EpisodeLimits,
  RetrievalSettings,
  limits as caps,
} from "@hindcast/shared";
import { EmbeddingDimensions, IndexEmbedder, LaneRule, LogLevel, SandboxVolume } from "@hindcast/shared/node";
import { z } from "zod";

/** `provider:model`. */
export const ModelName = z
  .string()
  .regex(
    /^(anthropic|gemini|openai):\S+$|^offline:(rules|rules-strict)$/,
    "expected provider:model, with anthropic, gemini or openai as provider, or offline:rules or offline:rules-strict",
  );

const campaign = CampaignSettings.shape;
const evaluation = campaign.evaluation.shape;
const limits = EpisodeLimits.shape;
const retrieval = RetrievalSettings.shape;

const ClusterConfig = z.strictObject({
  dataDirectory: z.string().min(1).describe("Folder of everything that is kept: broker, logs, credentials, exports."),
  natsUrl: z.string().min(1).nullable().describe("A NATS server to use; none: a cluster of its own is started here."),
  natsUser: z.string().min(1).nullable().describe("User at that server."),
  natsPasswordFile: z.string().min(1).nullable().describe("File with the user's password."),
  natsCaFile: z
    .string()
    .min(1)
    .nullable()
    .describe("PEM file of the authority that signed that server's certificate; set: only TLS will do."),
  coordinators: z
    .int()
    .min(1)
    .max(8)
    .describe("Coordinators (processes) of a cluster that is started here; others take over when one dies."),
  agents: z.int().min(1).max(64).describe("Rollout agents (processes) of a cluster that is started here."),
  slots: z.int().min(1).max(256).describe("Episodes that each agent runs at once."),
  logLevel: LogLevel.describe("Least level that the processes log."),
});

const ModelsConfig = z.strictObject({
  generator: ModelName.nullable().describe(
    "Writes tasks, summaries and instructions; none: chosen by the keys present.",
  ),
  policy: ModelName.nullable().describe("Acts in the environment; none: chosen by the keys present."),
  judges: z
    .array(ModelName)
    .max(8)
    .describe("The committee, all of whom must say yes; empty: chosen by the keys present."),
  anthropicBaseUrl: z.url().nullable().describe("Another endpoint for Anthropic models."),
  geminiBaseUrl: z.url().nullable().describe("Another endpoint for Gemini models."),
  geminiDriver: z.enum(["genai", "generative-ai"]).describe("SDK for Gemini: the maintained one or the older one."),
  openaiBaseUrl: z.url().nullable().describe("The OpenAI-compatible endpoint."),
  pricesFile: z.string().min(1).nullable().describe("JSON with prices that override or extend the built-in table."),
});

const IndexConfig = z.strictObject({
  embedder: IndexEmbedder.describe(
    "Turns texts into vectors: hash-v1 (no model), gemini:MODEL, openai:MODEL or model2vec:FOLDER.",
  ),
  embeddingDimensions: EmbeddingDimensions.nullable().describe(
    "Dimensions of the vectors; none: the model's own (must be named for other servers than OpenAI's).",
  ),
});

const SandboxConfig = z.strictObject({
  driver: z
    .enum(["bubblewrap", "container", "vm", "kubernetes"])
    .describe("Isolates commands: namespaces, Docker's API, QEMU or pods of a cluster."),
  recipe: z
    .string()
    .min(1)
    .nullable()
    .describe("JSON file of the sandboxes' image; none: this machine's system (bubblewrap) or a small Debian."),
  imageFolder: z.string().min(1).nullable().describe("Folder of built images; none: a cache of this machine."),
  runtime: z
    .string()
    .min(1)
    .nullable()
    .describe("Runtime of containers (runc, runsc, kata) or RuntimeClass of pods; none: the default."),
  dockerSocket: z.string().min(1).describe("Socket of the daemon that runs containers."),
  kubeconfig: z.string().min(1).nullable().describe("How the cluster of pods is reached; none: what kubectl takes."),
  namespace: z.string().min(1).describe("Namespace of pods."),
  repository: z.string().min(1).describe("Repository of pods' images, which `hindcast image pack` makes."),
  warmPool: z.string().min(1).nullable().describe("SandboxWarmPool (agent-sandbox) that pods are claimed from."),
  seccompProfile: z.string().min(1).describe("System call filter of pods, a file of each node; unconfined: none."),
  volumes: z
    .array(SandboxVolume)
    .max(64)
    .describe("Folders of the agent that pods see, with the claims that hold them: FOLDER=CLAIM."),
  warm: z.int().min(0).max(64).describe("Sandboxes that each agent keeps open ahead of their episodes."),
});

const concurrency = z.int().min(1).max(10_000);

const AdmissionConfig = z.strictObject({
  fleetUsdMax: z.number().positive().nullable().describe("Dollars that all campaigns may spend together."),
  lanes: z
    .array(LaneRule)
    .max(256)
    .describe("Known limits of providers: `anthropic:claude-sonnet-5 rpm=50 itpm=30000 otpm=8000 concurrency=2-40`."),
  concurrencyMin: concurrency.describe("Requests at once to which a lane is cut back at most."),
  concurrencyStart: concurrency.describe("Requests at once with which a lane begins."),
  concurrencyMax: concurrency.describe("Requests at once that a lane may grow to."),
  allowUnknownPrices: z
    .boolean()
    .describe("Admit models of unknown price although there is a dollar limit; their cost is then not counted."),
});

const LimitsConfig = z.strictObject({
  stepsMax: limits.stepsMax.describe("Steps of one episode."),
  tokensMax: limits.tokensMax.describe("Tokens of one episode."),
  costUsdMax: limits.costUsdMax.describe("Dollars of one episode."),
  wallTimeMs: limits.wallTimeMs.describe("Milliseconds of one episode."),
  stepTimeMs: limits.stepTimeMs.describe("Milliseconds of one action."),
  observationBytesMax: limits.observationBytesMax.describe("Bytes of one observation that the policy is shown."),
  outputBytesMax: limits.outputBytesMax.describe("Bytes that all commands of an episode may print."),
  memoryBytesMax: limits.memoryBytesMax.describe("Memory of a sandbox in bytes."),
  diskBytesMax: limits.diskBytesMax.describe("Writable disk of a sandbox in bytes."),
  processesMax: limits.processesMax.describe("Processes in a sandbox."),
  formatErrorsMax: limits.formatErrorsMax.describe("Unparsable answers in a row."),
  snapshotEverySteps: limits.snapshotEverySteps
    .unwrap()
    .describe("Steps from one stored image of the world to the next; resuming repeats the actions since."),
  snapshotBytesMax: limits.snapshotBytesMax
    .unwrap()
    .describe("Bytes of one such image, compressed; a larger world has none."),
});

const BatchConfig = z.strictObject({
  purposes: BatchSettings.shape.purposes.describe(
    "Calls bought through the providers' batch endpoints, at half the price and hours later; empty: none.",
  ),
  fallback: BatchSettings.shape.fallback.describe(
    "What a call comes to that its batches have not answered: asked alone at the full price, or an error.",
  ),
});

const days = z.int().min(1).nullable();
const bytesMax = z
  .int()
  .min(1024 * 1024)
  .nullable();

const StorageConfig = z.strictObject({
  trajectoriesDays: days.describe("Days for which steps are kept, the raw material of demonstrations."),
  trajectoriesBytesMax: bytesMax.describe("Bytes of all steps; full, further ones are refused."),
  resultsDays: days.describe("Days for which terminal records are kept; must outlast the longest campaign."),
  resultsBytesMax: bytesMax.describe("Bytes of all terminal records; full, further ones are refused."),
  journalDays: days.describe("Days for which answers of models are kept; what is gone is bought again."),
  journalBytesMax: bytesMax.describe("Bytes of all answers of models; full, the oldest go."),
  blobsBytesMax: bytesMax.describe(
    "Bytes of snapshots and other blobs; full, further ones are refused until `hindcast gc` makes room.",
  ),
  deadLettersDays: days.describe("Days for which dead letters are kept."),
  deadLettersBytesMax: bytesMax.describe("Bytes of all dead letters."),
  advisoriesDays: days.describe("Days for which the broker's advisories are kept."),
  advisoriesBytesMax: bytesMax.describe("Bytes of the broker's advisories; full, the oldest go."),
});

const WorldConfig = z.strictObject({
  miniWobTasks: z
    .array(z.string().regex(/^[a-z0-9][a-z0-9-]{0,63}$/, "expected the name of a page, such as click-button"))
    .describe("For browser: MiniWoB pages by name, from the folder in HINDCAST_MINIWOB_FOLDER."),
  startUrls: z.array(z.url({ protocol: /^https?$/ })).describe("For browser: addresses of sites to begin at."),
  sitesFile: z
    .string()
    .min(1)
    .nullable()
    .describe("For browser: JSON list of sites with their addresses, documents, logins and tasks."),
  instances: z
    .string()
    .min(1)
    .nullable()
    .describe("For swe-bench: file of instances, the folder that `bench swe-bench make` wrote, or `shipped:code`."),
  plugIn: z
    .string()
    .regex(/^[a-z0-9][a-z0-9-]{0,62}$/)
    .nullable()
    .describe("For plug-in: the world's name in HINDCAST_WORLDS_FILE."),
  seeds: z.int().min(1).max(1_000).describe("Variations of each MiniWoB page or plugged-in world to learn from."),
  heldOutPercent: z.int().min(0).max(90).describe("MiniWoB pages or instances held back for measuring, in percent."),
});

const CampaignConfig = z.strictObject({
  environment: z.enum(["shell", "browser", "swe-bench", "plug-in"]).describe("The world in which agents act."),
  world: WorldConfig.describe("What a world other than the shell consists of."),
  documents: z
    .array(z.string().min(1))
    .describe("Folders, files, globs, man:NAME(SECTION) or help:COMMAND; empty: the manuals found on this machine."),
  documentsMax: campaign.documentsMax.describe("Documents used, after splitting."),
  tasksPerDocument: campaign.tasksPerDocument.describe("Tasks proposed per document (N of the paper)."),
  seed: campaign.seed.describe("Seed of every choice."),
  costUsdMax: campaign.costUsdMax.describe("Dollars after which the campaign stops buying; none: no limit."),
  priority: campaign.priority.unwrap().describe("Before campaigns of a lower one wherever model calls wait."),
  weight: campaign.weight
    .unwrap()
    .describe("Share of a provider's limits beside other campaigns of the same priority."),
  instructionKinds: campaign.instructionKinds.describe("Kinds of backward construction."),
  windowPolicy: z.enum(["faithful", "bounded"]).describe("Every window, or a sample of at most windowsMax."),
  windowsMax: z.int().positive().max(10_000).describe("Windows per trajectory under the bounded policy."),
  retrievalWhileLearning: campaign.retrievalWhileLearning.describe(
    "Whether learning episodes see earlier demonstrations.",
  ),
  verifyByReplay: campaign.verifyByReplay.describe("Whether accepted windows are executed again in a fresh sandbox."),
  network: z
    .array(EgressRuleText)
    .max(caps.egressRulesMax)
    .describe("What episodes may reach by the egress proxy, e.g. `tunnel pypi.org`; empty: nothing."),
  batch: BatchConfig.describe("Batches of model calls."),
  limits: LimitsConfig.describe("Bounds of one episode."),
  retrieval: z
    .strictObject({
      observationBased: retrieval.observationBased.describe("Demonstrations by observation (m1 of the paper)."),
      modelBased: retrieval.modelBased.describe("Demonstrations by a query of the model (m2 of the paper)."),
      tokenBudget: retrieval.tokenBudget.describe("Tokens of all demonstrations of one step."),
      perTrajectoryMax: retrieval.perTrajectoryMax.describe("Demonstrations from one trajectory."),
    })
    .describe("Which demonstrations a policy sees."),
  evaluation: z
    .strictObject({
      documentDisjointPercent: evaluation.documentDisjointPercent.describe(
        "Documents held out of learning, in percent.",
      ),
      tasksPerKindMax: evaluation.tasksPerKindMax.describe("Held-out tasks of each kind; 0: no evaluation."),
    })
    .describe("The measured gain."),
});

export const HindcastConfig = z.strictObject({
  profile: z
    .enum(["plus", "faithful"])
    .describe(
      "Defaults as later work has shown better, or the paper's windows, filter and retrieval; prompts stay ours.",
    ),
  cluster: ClusterConfig.describe("The processes on this machine."),
  models: ModelsConfig.describe("Which models do what."),
  sandbox: SandboxConfig.describe("What isolates the agents' commands."),
  index: IndexConfig.describe("How demonstrations are found."),
  admission: AdmissionConfig.describe("What the fleet may ask of providers, and spend."),
  storage: StorageConfig.describe("How long the broker keeps what, and how much of it."),
  campaign: CampaignConfig.describe("What is learned from, and how."),
});
export type HindcastConfig = z.infer<typeof HindcastConfig>;
