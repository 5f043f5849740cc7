import { limits } from "@hindcast/shared";
import type { HindcastConfig } from "./schema.ts";

type Partially<T> = T extends readonly unknown[] ? T : T extends object ? { [K in keyof T]?: Partially<T[K]> } : T;

const MiB = 1024 * 1024;
const minutes = 60_000;

export const defaults: HindcastConfig = {
  profile: "plus",
  cluster: {
    dataDirectory: ".hindcast",
    natsUrl: null,
    natsUser: null,
    natsPasswordFile: null,
    natsCaFile: null,
    coordinators: 1,
    agents: 2,
    slots: 2,
    logLevel: "info",
  },
  models: {
    generator: null,
    policy: null,
    judges: [],
    anthropicBaseUrl: null,
    geminiBaseUrl: null,
    geminiDriver: "genai",
    openaiBaseUrl: null,
    pricesFile: null,
  },
  sandbox: {
    driver: "bubblewrap",
    recipe: null,
    imageFolder: null,
    runtime: null,
    dockerSocket: "/var/run/docker.sock",
    kubeconfig: null,
    namespace: "hindcast-sandboxes",
    repository: "hindcast/sandbox",
    warmPool: null,
    seccompProfile: "hindcast/sandbox.json",
    volumes: [],
    warm: 0,
  },
  index: { embedder: "hash-v1", embeddingDimensions: null },
  admission: {
    fleetUsdMax: null,
    lanes: [],
    concurrencyMin: 1,
    concurrencyStart: 20,
    concurrencyMax: 100,
    allowUnknownPrices: false,
  },
  storage: {
    trajectoriesDays: 30,
    trajectoriesBytesMax: null,
    resultsDays: null,
    resultsBytesMax: null,
    journalDays: null,
    journalBytesMax: null,
    blobsBytesMax: null,
    deadLettersDays: 30,
    deadLettersBytesMax: null,
    advisoriesDays: 14,
    advisoriesBytesMax: null,
  },
  campaign: {
    environment: "shell",
    world: {
      miniWobTasks: [],
      startUrls: [],
      sitesFile: null,
      instances: null,
      plugIn: null,
      seeds: 3,
      heldOutPercent: 30,
    },
    documents: [],
    documentsMax: 60,
    tasksPerDocument: 3,
    seed: 1,
    costUsdMax: null,
    priority: "normal",
    weight: 1,
    instructionKinds: ["new-task", "replicate"],
    windowPolicy: "bounded",
    windowsMax: 12,
    retrievalWhileLearning: true,
    verifyByReplay: true,
    network: [],
    batch: { purposes: [], fallback: "interactive" },
    limits: {
      stepsMax: 20,
      tokensMax: 400_000,
      costUsdMax: null,
      wallTimeMs: 10 * minutes,
      stepTimeMs: 20_000,
      observationBytesMax: 8_192,
      outputBytesMax: 16 * MiB,
      memoryBytesMax: 512 * MiB,
      diskBytesMax: 256 * MiB,
      processesMax: 128,
      formatErrorsMax: 3,
      snapshotEverySteps: 1,
      snapshotBytesMax: limits.snapshotBytesMax,
    },
    retrieval: { observationBased: 5, modelBased: 5, tokenBudget: 6_000, perTrajectoryMax: 2 },
    evaluation: { documentDisjointPercent: 20, tasksPerKindMax: 20 },
  },
};

/** What a profile changes; every difference is one key. `faithful`: the paper's windows, filter and retrieval; prompts stay ours. */
export const profiles: Record<HindcastConfig["profile"], Partially<HindcastConfig>> = {
  plus: {},
  faithful: {
    campaign: {
      windowPolicy: "faithful",
      retrievalWhileLearning: false,
      verifyByReplay: false,
      // The paper names no cap per trajectory; this is the largest that the retrieval contract takes.
      retrieval: { perTrajectoryMax: 50, tokenBudget: 100_000 },
    },
  },
};
