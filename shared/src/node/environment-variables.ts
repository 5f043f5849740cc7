// Every environment variable that a Hindcast process reads, once. A process picks its own from these groups and hands
// them to `readConfig`; the command line has settings of its own on top (coordinator/src/config).
import { z } from "zod";
import { WorkerId } from "../domain/ids.ts";
import { limits } from "../limits.ts";
import { VectorStorage } from "../protocol/retrieval.ts";
import { LaneRule } from "./admission/lane-rules.ts";
import { defaultRetention } from "./bus/retention.ts";
import { type EnvironmentVariables, Flag, LogLevel, WholeNumber, variable } from "./environment-variable.ts";
import { EmbeddingDimensions, IndexEmbedder } from "./model/embedding/embedding-models.ts";
import { sandboxVariables } from "./sandbox-variables.ts";

const Secrets = z.record(z.string(), z.string().min(1));

function secretsOf(text: string, context: z.RefinementCtx): Record<string, string> {
  try {
    return Secrets.parse(JSON.parse(text));
  } catch {
    // Without what it holds: an error of the parser would quote a secret.
    context.addIssue('expected a JSON object of texts: {"name": "secret"}');
    return z.NEVER;
  }
}

const secret = z.string().min(1).nullable().default(null);

/** Names a queue of tasks, one per kind of world that agents can open. */
const PoolName = z.string().regex(/^[a-z][a-z0-9-]{0,30}$/, "expected lower-case letters, digits and hyphens");

/** What every process reads. */
export const processVariables = {
  logLevel: variable("HINDCAST_LOG_LEVEL", LogLevel.default("info"), "Least level that is logged."),
  metricsPort: variable(
    "HINDCAST_METRICS_PORT",
    WholeNumber.pipe(z.int().max(65_535)).nullable().default(null),
    "Port of /metrics, /healthz and /readyz; 0 takes a free one and logs it; unset: none.",
  ),
  metricsHost: variable(
    "HINDCAST_METRICS_HOST",
    z.string().min(1).default("127.0.0.1"),
    "Address that the metrics port listens on; 0.0.0.0 inside a container.",
  ),
  exitWithParent: variable(
    "HINDCAST_EXIT_WITH_PARENT",
    Flag.default(false),
    "Drain and exit when standard input closes: the local cluster's children must not outlive it.",
  ),
} as const;

export const busVariables = {
  natsUrl: variable("HINDCAST_NATS_URL", z.string().min(1).default("nats://127.0.0.1:4222"), "URL of the NATS server."),
  natsUser: variable(
    "HINDCAST_NATS_USER",
    z.string().min(1).nullable().default(null),
    "NATS user, where it asks for one.",
  ),
  natsPassword: variable(
    "HINDCAST_NATS_PASSWORD_FILE",
    z.string().min(1).nullable().default(null),
    "File that holds the password of the NATS user.",
    "file",
  ),
  natsCaFile: variable(
    "HINDCAST_NATS_CA_FILE",
    z.string().min(1).nullable().default(null),
    "PEM file of the authority that signed the NATS server's certificate; set: only TLS will do.",
  ),
} as const;

const CollectorUrl = z
  .url({ protocol: /^https?$/, error: "expected an http or https URL" })
  .nullable()
  .default(null);

/** OpenTelemetry's own names: https://opentelemetry.io/docs/specs/otel/configuration/sdk-environment-variables/ */
export const tracingVariables = {
  endpoint: variable(
    "OTEL_EXPORTER_OTLP_ENDPOINT",
    CollectorUrl,
    "URL of an OTLP/HTTP collector, to whose /v1/traces traces are sent; unset: no traces.",
  ),
  tracesEndpoint: variable(
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT",
    CollectorUrl,
    "Whole URL that traces are sent to, where it is another.",
  ),
  exporter: variable("OTEL_TRACES_EXPORTER", z.enum(["otlp", "none"]).default("otlp"), "none: no traces."),
  isDisabled: variable("OTEL_SDK_DISABLED", Flag.default(false), "true: no traces."),
  sampler: variable(
    "OTEL_TRACES_SAMPLER",
    z
      .enum([
        "always_on",
        "always_off",
        "traceidratio",
        "parentbased_always_on",
        "parentbased_always_off",
        "parentbased_traceidratio",
      ])
      .default("parentbased_always_on"),
    "Which documents are traced; the parentbased ones mean the same as the others.",
  ),
  samplerRatio: variable(
    "OTEL_TRACES_SAMPLER_ARG",
    z
      .string()
      .regex(/^\d*\.?\d+$/, "expected a number from 0 to 1")
      .transform(Number)
      .pipe(z.number().max(1))
      .default(1),
    "The share of documents that traceidratio keeps, from 0 to 1.",
  ),
} as const;

export const workerVariables = {
  workerId: variable(
    "HINDCAST_WORKER_ID",
    WorkerId.nullable().default(null),
    "Identity of a rollout agent, e.g. w-1; derived from host name and process id when unset.",
  ),
  pool: variable(
    "HINDCAST_POOL",
    PoolName.default("shell"),
    "Pool of tasks that a rollout agent works on: what kind of world it can open.",
  ),
  slots: variable(
    "HINDCAST_SLOTS",
    WholeNumber.pipe(z.int().min(1).max(256)).default(2),
    "Episodes that a rollout agent runs at once.",
  ),
  guestPath: variable(
    "HINDCAST_GUEST_PATH",
    z.string().min(1).nullable().default(null),
    "The sandbox guest's executable; found in the source tree when unset.",
  ),
  worldsFile: variable(
    "HINDCAST_WORLDS_FILE",
    z.string().min(1).nullable().default(null),
    "JSON with the worlds that are plugged in: their names, and what a rollout agent starts or calls for each.",
  ),
  chromiumPath: variable(
    "HINDCAST_CHROMIUM_PATH",
    z.string().min(1).nullable().default(null),
    "The program of Chromium or Chrome that browser worlds run; Debian's is found when unset.",
  ),
  miniWobFolder: variable(
    "HINDCAST_MINIWOB_FOLDER",
    z.string().min(1).nullable().default(null),
    "The html folder of the Python package miniwob, for MiniWoB++ tasks.",
  ),
  sitesFile: variable(
    "HINDCAST_SITES_FILE",
    z.string().min(1).nullable().default(null),
    "JSON of WebArena's site names and their URLs, by which web tasks are judged.",
  ),
  sweBenchRepositories: variable(
    "HINDCAST_SWE_BENCH_REPOSITORIES",
    z
      .string()
      .default("")
      .transform((places) =>
        places
          .split(",")
          .map((place) => place.trim())
          .filter((place) => place !== ""),
      ),
    "Where SWE-bench's repositories are: folders of clones or bundles, or URLs with {repo}, separated by commas.",
  ),
  sweBenchCache: variable(
    "HINDCAST_SWE_BENCH_CACHE",
    z.string().min(1).nullable().default(null),
    "Folder for SWE-bench's prepared repositories and Python environments; without it the agent has no such worlds.",
  ),
  egressSecrets: variable(
    "HINDCAST_EGRESS_SECRETS",
    z.string().transform(secretsOf).nullable().default(null),
    "Secrets that the egress proxy puts into requests of sandboxes, by name: a JSON object. They never enter a sandbox.",
    "secret",
  ),
  searchPath: variable("PATH", z.string().default(""), "Where a Node outside /usr is found that sandboxes shall have."),
} as const;

/** Of an object in a Kubernetes cluster. */
/** What a retrieval replica reads besides provider access. */
export const indexVariables = {
  indexEmbedder: variable(
    "HINDCAST_INDEX_EMBEDDER",
    IndexEmbedder.default("hash-v1"),
    "What turns texts into vectors: hash-v1, gemini:MODEL, openai:MODEL or model2vec:FOLDER.",
  ),
  indexEmbeddingDimensions: variable(
    "HINDCAST_INDEX_EMBEDDING_DIMENSIONS",
    WholeNumber.pipe(EmbeddingDimensions).nullable().default(null),
    "Dimensions of those vectors; unset: what the model gives by itself.",
  ),
  indexStorage: variable(
    "HINDCAST_INDEX_STORAGE",
    VectorStorage.default("f32"),
    "How a retrieval replica keeps the rows of vectors: f32, or bf16 in half the bytes; a change rebuilds the index.",
  ),
  indexFolder: variable(
    "HINDCAST_INDEX_FOLDER",
    z.string().min(1).nullable().default(null),
    "Folder in which a retrieval replica keeps its index, in a folder of its own; unset: in memory, rebuilt at every start.",
  ),
  indexPublishes: variable(
    "HINDCAST_INDEX_PUBLISHES",
    Flag.default(true),
    "Whether a retrieval replica keeps snapshots and publishes them for new ones; 0: it only takes those of others.",
  ),
  indexPartitions: variable(
    "HINDCAST_INDEX_PARTITIONS",
    WholeNumber.pipe(z.int().min(1).max(limits.indexPartitionsMax)).default(1),
    "Partitions into which the demonstrations are divided, for a corpus beyond one machine; the same on every replica.",
  ),
  indexPartition: variable(
    "HINDCAST_INDEX_PARTITION",
    WholeNumber.pipe(z.int().max(limits.indexPartitionsMax - 1)).default(0),
    "Partition that a retrieval replica holds, from 0.",
  ),
} as const;

/** Provider access: names that the vendors' own tools use are kept. */
export const modelVariables = {
  anthropicApiKey: variable("ANTHROPIC_API_KEY", secret, "Key for Anthropic models.", "secret"),
  anthropicBaseUrl: variable(
    "HINDCAST_ANTHROPIC_BASE_URL",
    z.url().nullable().default(null),
    "Another endpoint for Anthropic models.",
  ),
  geminiApiKey: variable("GEMINI_API_KEY", secret, "Key for Gemini models.", "secret"),
  geminiBaseUrl: variable(
    "HINDCAST_GEMINI_BASE_URL",
    z.url().nullable().default(null),
    "Another endpoint for Gemini models.",
  ),
  geminiDriver: variable(
    "HINDCAST_GEMINI_DRIVER",
    z.enum(["genai", "generative-ai"]).default("genai"),
    "SDK for Gemini: the maintained @google/genai or the older @google/generative-ai.",
  ),
  openaiApiKey: variable("OPENAI_API_KEY", secret, "Key for the OpenAI-compatible endpoint.", "secret"),
  openaiBaseUrl: variable(
    "HINDCAST_OPENAI_BASE_URL",
    z.url().nullable().default(null),
    "An OpenAI-compatible endpoint, e.g. http://127.0.0.1:8000/v1.",
  ),
  pricesFile: variable(
    "HINDCAST_PRICES_FILE",
    z.string().min(1).nullable().default(null),
    "JSON with prices that override or extend the built-in table.",
  ),
} as const;

/** What only the coordinator reads. */
export const coordinatorVariables = {
  pools: variable(
    "HINDCAST_POOLS",
    z
      .string()
      .default("shell")
      .transform((text) => text.split(",").map((name) => name.trim()))
      .pipe(z.array(PoolName).min(1).max(limits.poolsMax)),
    "Pools of rollout tasks, separated by commas; each needs agents of its own.",
  ),
  streamReplicas: variable(
    "HINDCAST_STREAM_REPLICAS",
    WholeNumber.pipe(z.int().min(1).max(5)).default(1),
    "Copies of every stream: 1 on a single NATS server, 3 in a cluster.",
  ),
} as const;

/** What a coordinator reads to admit requests to providers for the whole fleet. */
export const admissionVariables = {
  fleetUsdMax: variable(
    "HINDCAST_ADMISSION_FLEET_USD_MAX",
    z
      .string()
      .regex(/^\d{1,9}(\.\d{1,6})?$/, "expected an amount in dollars")
      .transform(Number)
      .nullable()
      .default(null),
    "Dollars that all campaigns may spend together; unset: no limit.",
  ),
  lanes: variable(
    "HINDCAST_ADMISSION_LANES",
    z
      .string()
      .default("")
      .transform((text) =>
        text
          .split(",")
          .map((rule) => rule.trim())
          .filter((rule) => rule !== ""),
      )
      .pipe(z.array(LaneRule).max(limits.admissionLanesMax)),
    "Known limits of lanes, separated by commas: provider:family rpm=N itpm=N otpm=N concurrency=MIN-MAX.",
  ),
  concurrencyMin: variable(
    "HINDCAST_ADMISSION_CONCURRENCY_MIN",
    WholeNumber.pipe(z.int().min(1).max(10_000)).default(1),
    "Requests at once to which a lane is cut back at most.",
  ),
  concurrencyStart: variable(
    "HINDCAST_ADMISSION_CONCURRENCY_START",
    WholeNumber.pipe(z.int().min(1).max(10_000)).default(20),
    "Requests at once with which a lane begins.",
  ),
  concurrencyMax: variable(
    "HINDCAST_ADMISSION_CONCURRENCY_MAX",
    WholeNumber.pipe(z.int().min(1).max(10_000)).default(100),
    "Requests at once that a lane may grow to.",
  ),
  allowUnknownPrices: variable(
    "HINDCAST_ADMISSION_ALLOW_UNKNOWN_PRICES",
    Flag.default(false),
    "Admit models of unknown price although there is a dollar limit; their cost is then not counted.",
  ),
} as const;

/** `none`, or a whole number from `min`. */
const limit = (min: number, byDefault: number | null) =>
  z
    .union([z.literal("none").transform(() => null), WholeNumber.pipe(z.int().min(min))], {
      error: `expected none or a whole number from ${min}`,
    })
    .default(byDefault);
const daysOf = (stream: string, byDefault: number | null, what: string) =>
  variable(`HINDCAST_STORAGE_${stream}_DAYS`, limit(1, byDefault), `Days for which ${what} are kept; none: for ever.`);
const bytesOf = (stream: string, what: string) =>
  variable(
    `HINDCAST_STORAGE_${stream}_BYTES_MAX`,
    limit(1024 * 1024, null),
    `Bytes that ${what} may take; none: no limit.`,
  );

/** How long a coordinator lets the streams keep things, and how much. */
export const storageVariables = {
  trajectoriesDays: daysOf("TRAJECTORIES", defaultRetention.trajectories.days, "steps of episodes"),
  trajectoriesBytesMax: bytesOf("TRAJECTORIES", "steps of episodes"),
  resultsDays: daysOf("RESULTS", defaultRetention.results.days, "terminal records"),
  resultsBytesMax: bytesOf("RESULTS", "terminal records"),
  journalDays: daysOf("JOURNAL", defaultRetention.journal.days, "answers of models"),
  journalBytesMax: bytesOf("JOURNAL", "answers of models"),
  blobsBytesMax: bytesOf("BLOBS", "snapshots and other blobs"),
  deadLettersDays: daysOf("DEAD_LETTERS", defaultRetention.deadLetters.days, "dead letters"),
  deadLettersBytesMax: bytesOf("DEAD_LETTERS", "dead letters"),
  advisoriesDays: daysOf("ADVISORIES", defaultRetention.advisories.days, "the server's advisories"),
  advisoriesBytesMax: bytesOf("ADVISORIES", "the server's advisories"),
} as const;

/** What the command line reads to run a cluster on this machine. */
export const localVariables = {
  natsServer: variable(
    "HINDCAST_NATS_SERVER",
    z.string().min(1).nullable().default(null),
    "The nats-server executable; found or built when unset.",
  ),
  cache: variable(
    "HINDCAST_CACHE",
    z.string().min(1).nullable().default(null),
    "Folder of what is built once per user; ~/.cache/hindcast when unset.",
  ),
} as const;

/** All of them, for the check for unknown names and for documentation. */
export const environmentVariables: EnvironmentVariables = {
  ...processVariables,
  ...busVariables,
  ...tracingVariables,
  ...workerVariables,
  ...sandboxVariables,
  ...indexVariables,
  ...modelVariables,
  ...coordinatorVariables,
  ...admissionVariables,
  ...storageVariables,
  ...localVariables,
};
