// A campaign in a world, on a real bus: its leader and stages in this process, its agents as processes of their own.
import type {
  CampaignEnvironment,
  CampaignId,
  CampaignRecord,
  CampaignReport,
  CampaignSettings,
  Demonstration,
  Document,
} from "@hindcast/shared";
import { type Bus, createModels, modelVariables, readConfig, silentLogger } from "@hindcast/shared/node";
import { packDocuments, runCampaign } from "../../coordinator/src/campaign-run.ts";
import { loadDocuments } from "../../coordinator/src/documents/load-documents.ts";
import { packWorld } from "../../coordinator/src/world.ts";
import type { WorldSource } from "../../coordinator/src/worlds/world-source.ts";
import { someSettings } from "./campaign-context.ts";
import { aCampaignRecord, demonstrationsOn } from "./campaign-records.ts";
import { startStages } from "./stages.ts";

const never = new AbortController().signal;

export interface WorldCampaign {
  report: CampaignReport;
  /** Of this campaign, by id. */
  demonstrations: Demonstration[];
  record: Pick<CampaignRecord, "id" | "settings">;
}

/** @param settings what differs from small ones without evaluation */
export async function runInWorld(
  bus: Bus,
  kind: Exclude<CampaignEnvironment, "shell">["kind"],
  { world, documents }: WorldSource,
  settings: Partial<CampaignSettings> & { id: string },
): Promise<WorldCampaign> {
  const { id, ...changed } = settings;
  const loaded: Document[] = (await loadDocuments(documents, { environment: process.env }, never)).documents;
  const record = aCampaignRecord({
    id: id as CampaignId,
    settings: { ...someSettings, ...changed, environment: { kind, scenes: await bus.blobs.put(packWorld(world)) } },
    documents: await bus.blobs.put(packDocuments(loaded)),
  });
  const model = createModels({ config: readConfig(modelVariables, {}), bus, logger: silentLogger });
  const deps = { bus, model, logger: silentLogger };
  await using _stages = startStages(deps);
  const { report, failure } = await runCampaign(record, deps, never);
  if (failure !== null) throw failure;
  const demonstrations = (await demonstrationsOn(bus)).filter(({ campaignId }) => campaignId === id);
  return { report, demonstrations, record };
}

/** What two runs must agree on: what was learned, not when, by whom or in which attempt. */
export function learned({ demonstrations }: WorldCampaign): unknown[] {
  return demonstrations.map(({ createdAt: _at, lineage, ...rest }) => ({
    ...rest,
    lineage: { ...lineage, attempt: 1, verdicts: [] },
  }));
}

export function countsOf({ report }: WorldCampaign, stage: string): Record<string, number> {
  return report.funnel.find(({ name }) => name === stage)?.counts ?? {};
}
