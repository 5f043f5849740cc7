// What is worked on meanwhile: campaigns, a few at a time, each over documents of its own.
import { setTimeout as pause } from "node:timers/promises";
import {
  CampaignListReply,
  CampaignReply,
  CampaignRecord,
  ControlRequest,
  HindcastError,
  subjects,
} from "@hindcast/shared";
import type { CampaignId, CampaignSettings, Document, DocumentId } from "@hindcast/shared";
import { type Bus, deriveId } from "@hindcast/shared/node";
import { packDocuments } from "../../coordinator/src/campaign-run.ts";
import { requestIdOf } from "../../coordinator/src/cli/start-campaign.ts";
import { policyModel } from "./policy.ts";
import { someLimits } from "../support/builders.ts";

const documentsPerCampaign = 3;
const pollMs = 500;
const startMsMax = 60_000;

export interface WorkloadOptions {
  bus: Bus;
  atOnce: number;
  seed: number;
  /** The number of the first campaign: each number has documents of its own. */
  from: number;
  /** No more campaigns are begun once it aborts, or with this number; those that run are waited for. */
  enough: AbortSignal;
  upTo?: number;
  onEnd: (record: CampaignRecord) => void;
}

/** Resolves when a coordinator answers, hence has made the streams. */
export async function untilReady(bus: Bus): Promise<void> {
  for (let waitedMs = 0; ; waitedMs += pollMs) {
    try {
      const value = { v: 1, kind: "campaign.list" } as const;
      await bus.request({
        subject: subjects.control("list"),
        request: ControlRequest,
        reply: CampaignListReply,
        value,
      });
      return;
    } catch (error) {
      if (waitedMs > startMsMax) throw error;
      await pause(pollMs);
    }
  }
}

/** @returns the campaigns that were begun, each as it ended. */
export async function workOn({
  bus,
  atOnce,
  seed,
  from,
  enough,
  upTo = Number.POSITIVE_INFINITY,
  onEnd,
}: WorkloadOptions): Promise<CampaignRecord[]> {
  const campaigns = bus.records("CAMPAIGNS", CampaignRecord);
  const ended: CampaignRecord[] = [];
  let next = from;
  const worker = async (): Promise<void> => {
    while (!enough.aborted && next < upTo) {
      const { id } = await begin(bus, settings(seed), next++);
      const record = await untilEnded(id, (key) => campaigns.get(key));
      ended.push(record);
      onEnd(record);
    }
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
  return ended;
}

/** A request whose answer was lost with its coordinator is made again, and is answered with the campaign that stands. */
async function begin(bus: Bus, chosen: CampaignSettings, number: number): Promise<CampaignRecord> {
  const name = `chaos-${number}`;
  const documents = await bus.blobs.put(packDocuments(documentsOf(number)));
  const requestId = requestIdOf({ name, settings: chosen, documents }, 0);
  for (;;) {
    try {
      const { campaign } = await bus.request({
        subject: subjects.control("start"),
        request: ControlRequest,
        reply: CampaignReply,
        value: { v: 1, kind: "campaign.start", name, settings: chosen, documents, requestId },
        timeoutMs: 5_000,
      });
      return campaign;
    } catch (error) {
      if (!(error instanceof HindcastError && error.retryable)) throw error;
      await pause(pollMs);
    }
  }
}

async function untilEnded(
  id: CampaignId,
  get: (key: string) => Promise<{ value: CampaignRecord } | null>,
): Promise<CampaignRecord> {
  for (;;) {
    const stored = await get(id);
    if (stored !== null && stored.value.state !== "running") return stored.value;
    await pause(pollMs);
  }
}

function documentsOf(campaign: number): Document[] {
  return Array.from({ length: documentsPerCampaign }, (_, n) => {
    const noun = `ledger${campaign}x${n}`;
    const text = `# Keeping a ${noun}\n\nAppend a line to the ${noun}:\n\n\`\`\`sh\necho first >> ${noun}.txt\n\`\`\`\n`;
    return {
      id: deriveId("doc", text) as DocumentId,
      source: `${noun}.md`,
      part: 0,
      title: `Keeping a ${noun}`,
      headingPath: [`Keeping a ${noun}`],
      text,
      tokens: 40,
    };
  });
}

function settings(seed: number): CampaignSettings {
  return {
    environment: "shell",
    priority: "normal",
    weight: 1,
    documentsMax: documentsPerCampaign,
    tasksPerDocument: 1,
    seed,
    // Long enough that no fault shows as an episode out of time.
    limits: { ...someLimits, wallTimeMs: 7_200_000, stepTimeMs: 7_200_000 },
    windowPolicy: { kind: "bounded", windowsMax: 4 },
    instructionKinds: ["new-task"],
    retrieval: { observationBased: 0, modelBased: 0, tokenBudget: 1_000, perTrajectoryMax: 1 },
    retrievalWhileLearning: false,
    models: { generator: "offline:rules", policy: policyModel, judges: ["offline:rules"] },
    evaluation: { documentDisjointPercent: 0, tasksPerKindMax: 0 },
    costUsdMax: null,
    verifyByReplay: true,
    batch: { purposes: [], fallback: "interactive" },
  };
}
