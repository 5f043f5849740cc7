// Fleets in miniature for tests of admission: coordinators that may admit, and agents with a model each.
import type { CampaignId, CampaignRecord, WorkerId } from "@hindcast/shared";
import {
  AdmissionStatus,
  AdmissionStatusRequest,
  BudgetRecord,
  CampaignRecord as Campaign,
  type Sha256,
  subjects,
} from "@hindcast/shared";
import {
  type Bus,
  createModel,
  FleetAdmission,
  type Model,
  ModelSettings,
  onAccount,
  silentLogger,
  type WaitObserver,
} from "@hindcast/shared/node";
import { Registry } from "prom-client";
import { AdmissionMetrics } from "../../coordinator/src/admission/admission-metrics.ts";
import { runAdmission } from "../../coordinator/src/admission/admission-service.ts";
import type { AdmissionSettings } from "../../coordinator/src/admission/settings.ts";
import { someSettings } from "./campaign-context.ts";
import { aCampaignRecord } from "./campaign-records.ts";
import type { Emulator } from "./emulators/emulator.ts";

export const openSettings: AdmissionSettings = {
  fleetUsdMax: null,
  allowUnknownPrices: false,
  limitsOf: () => ({
    requestsPerMinute: null,
    inputTokensPerMinute: null,
    outputTokensPerMinute: null,
    concurrency: { min: 1, start: 50, max: 100 },
  }),
};

/** A coordinator that admits when it is its turn; disposing of it hands over in order. */
export async function anAdmitter(
  bus: Bus,
  { id = "w-admit", ...settings }: Partial<AdmissionSettings> & { id?: string } = {},
): Promise<AsyncDisposable> {
  const stop = new AbortController();
  const metrics = new AdmissionMetrics(new Registry());
  const deps = { bus, id: id as WorkerId, settings: { ...openSettings, ...settings }, logger: silentLogger, metrics };
  const running = runAdmission(deps, stop.signal);
  return {
    [Symbol.asyncDispose]: async () => {
      stop.abort();
      await running;
    },
  };
}

export async function admissionStatus(bus: Bus): Promise<AdmissionStatus> {
  return bus.request({
    subject: subjects.admission("status"),
    request: AdmissionStatusRequest,
    reply: AdmissionStatus,
    value: { v: 1, kind: "admission.status" },
  });
}

/** Polls until somebody admits. */
export async function untilAdmitting(bus: Bus): Promise<void> {
  for (const deadline = Date.now() + 15_000; Date.now() < deadline;) {
    try {
      await admissionStatus(bus);
      return;
    } catch {
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }
  throw new Error("nobody began to admit");
}

export async function aCampaign(
  bus: Bus,
  id: string,
  settings: Partial<CampaignRecord["settings"]> = {},
  state: CampaignRecord["state"] = "running",
): Promise<CampaignId> {
  const record = aCampaignRecord({
    id: id as CampaignId,
    name: id,
    settings: { ...someSettings, ...settings },
    documents: { sha256: "0".repeat(64) as Sha256, bytes: 0 },
    state,
    startedAt: "2026-01-02T03:04:05.678Z",
  });
  await bus.records("CAMPAIGNS", Campaign).put(id, record);
  return id as CampaignId;
}

/** One agent: its own admission client and model on a campaign's account. */
export function anAgent(
  bus: Bus,
  emulator: Emulator,
  {
    name,
    campaignId,
    observer,
    model: id = "anthropic:claude-sonnet-5-5",
  }: { name: string; campaignId: CampaignId; observer?: WaitObserver; model?: string },
): { model: Model; admission: FleetAdmission } {
  const admission = new FleetAdmission({ bus, holder: name, logger: silentLogger, waitMs: 2_000 });
  const anthropic = { apiKey: emulator.apiKey, baseUrl: emulator.url };
  const model = createModel(id, ModelSettings.parse({ anthropic }), { admission });
  return { model: onAccount(model, { campaignId, ...(observer === undefined ? {} : { observer }) }), admission };
}

export async function budgetOf(bus: Bus, account: string): Promise<BudgetRecord | null> {
  return (await bus.records("BUDGETS", BudgetRecord).get(account))?.value ?? null;
}
