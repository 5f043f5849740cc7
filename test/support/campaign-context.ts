import type { CampaignId, CampaignSettings } from "@hindcast/shared";
import { silentLogger, type Bus, type Model } from "@hindcast/shared/node";
import type { CampaignContext } from "../../coordinator/src/campaign-context.ts";
import { CostLedger } from "../../coordinator/src/cost-ledger.ts";
import { Funnel } from "../../coordinator/src/funnel.ts";
import { seededRandom } from "../../coordinator/src/sampling.ts";
import type { TaskRunner } from "../../coordinator/src/task-runner.ts";
import { someLimits } from "./builders.ts";

export const someSettings: CampaignSettings = {
  environment: "shell",
  documentsMax: 10,
  tasksPerDocument: 3,
  seed: 0,
  limits: someLimits,
  windowPolicy: { kind: "bounded", windowsMax: 20 },
  instructionKinds: ["new-task", "replicate"],
  retrieval: { observationBased: 5, modelBased: 5, tokenBudget: 8_000, perTrajectoryMax: 2 },
  retrievalWhileLearning: false,
  models: { generator: "offline:rules", policy: "offline:rules", judges: ["offline:rules", "offline:rules-strict"] },
  evaluation: { documentDisjointPercent: 20, tasksPerKindMax: 0 },
  costUsdMax: null,
  priority: "normal",
  weight: 1,
  verifyByReplay: true,
  batch: { purposes: [], fallback: "interactive" },
};

/** A context for stages that ask models and nothing else: whatever touches the bus or the fleet fails loudly. */
export function aContext(partial: Partial<CampaignContext> & { generator: Model; judges?: Model[] }): CampaignContext {
  const settings = partial.settings ?? someSettings;
  const id = "c-0001" as CampaignId;
  return {
    id,
    settings,
    world: null,
    bus: absent<Bus>("bus"),
    tasks: absent<TaskRunner>("task runner"),
    judges: [],
    ledger: new CostLedger(settings.costUsdMax),
    funnel: new Funnel(),
    random: seededRandom(settings.seed, id),
    logger: silentLogger,
    warnings: new Set(),
    isOffline: true,
    sourceOf: () => "manual.md",
    signal: new AbortController().signal,
    report: () => undefined,
    waiting: { totalMs: 0 },
    ...partial,
  };
}

function absent<T extends object>(what: string): T {
  return new Proxy({} as T, {
    get: () => {
      throw new Error(`this test has no ${what}`);
    },
  });
}
