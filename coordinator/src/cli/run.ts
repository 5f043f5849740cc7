// `hindcast run`: documents in, a campaign on the cluster, its report out. It only asks and watches; the coordinator does
// the work and would finish it without this command.
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import {
  CampaignReply,
  CampaignReport,
  ControlRequest,
  HindcastError,
  subjects,
  toHindcastError,
  type BlobRef,
  type CampaignWorld,
  type CampaignRecord,
  type Document,
} from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { Command, Option } from "commander";
import { packDocuments } from "../campaign-run.ts";
import { campaignSettings } from "../config/campaign-settings.ts";
import { selectModels } from "../config/select-models.ts";
import { renderReport } from "../report/render-report.ts";
import { placesOf, worldOf } from "../worlds/world-of.ts";
import { campaignFailure } from "./campaign-failure.ts";
import { campaignFlags } from "./campaign-flags.ts";
import { addSettingFlags, commandContext, type CommandContext } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { followCampaign } from "./follow-campaign.ts";
import { readDocuments } from "./read-documents.ts";
import { type Session, withSession } from "./session.ts";
import { shippedWorldFlags, shippedWorlds, withShippedWorld } from "./shipped-world.ts";
import { startOrContinue } from "./start-campaign.ts";
import { assertAgents, environmentOf } from "./start-world.ts";
import { whoAsks } from "./who-asks.ts";

export function runCommand(): Command {
  return addSettingFlags(new Command("run"), campaignFlags)
    .description("learn from documents: run a campaign and print what came of it")
    .addOption(
      new Option(
        "--world <name>",
        "code (a package with bugs that is shipped) or web (four MiniWoB pages, from HINDCAST_MINIWOB_FOLDER)",
      ).choices(shippedWorlds),
    )
    .option("--name <text>", "name of the campaign", "default")
    .action(async ({ name, world }: { name: string; world?: (typeof shippedWorlds)[number] }, command: Command) => {
      const context = commandContext(command, campaignFlags, shippedWorldFlags(world));
      process.exitCode = await run(withShippedWorld(context), name);
    });
}

async function run(context: CommandContext, name: string): Promise<number> {
  const { interruption, terminal } = context;
  let campaign: CampaignRecord | null = null;
  try {
    announceModels(context);
    const source = await worldOf(
      context.loaded.config.campaign,
      placesOf(context.env, context.loaded.config.cluster.natsUrl === null),
    );
    const { documents } = await readDocuments(context, source?.documents);
    return await withSession(context, { parts: ["coordinator", "index", "agents"] }, async (session) => {
      if (source !== null) await assertAgents(context, session);
      campaign = await begin(context, session.bus, { name, documents, world: source?.world ?? null });
      const end = await followCampaign(context, session.bus, campaign);
      if (end === null) return await interrupted(context, session, campaign);
      return await conclude(context, session, end);
    });
  } catch (error) {
    if (!interruption.asked.aborted || campaign !== null) throw error;
    terminal.note("interrupted before the campaign began");
    return exitCodes.interrupted;
  }
}

function announceModels({ terminal, loaded }: CommandContext): void {
  const models = selectModels(loaded);
  terminal.event({ event: "models.chosen", ...models });
  const roles = new Set([models.generator, models.policy, ...models.judges]);
  terminal.line(`models: ${[...roles].join(", ")} (${models.why})`);
}

async function begin(
  { terminal, loaded }: CommandContext,
  bus: Bus,
  { name, documents, world }: { name: string; documents: Document[]; world: CampaignWorld | null },
): Promise<CampaignRecord> {
  const packed = await bus.blobs.put(packDocuments(documents));
  const environment = await environmentOf(bus, loaded.config.campaign.environment, world);
  const wanted = { name, settings: campaignSettings(loaded, environment), documents: packed };
  const { campaign, isNew } = await startOrContinue(bus, wanted);
  if (isNew) {
    terminal.event({ event: "campaign.started", campaignId: campaign.id, name: campaign.name });
    terminal.line(`campaign ${campaign.id} has begun`);
    return campaign;
  }
  terminal.event({ event: "campaign.continued", campaignId: campaign.id });
  terminal.line(
    campaign.state === "paused"
      ? `campaign ${campaign.id} is paused; \`hindcast ctl resume ${campaign.id}\` lets it go on`
      : `campaign ${campaign.id} goes on where it was interrupted`,
  );
  return campaign;
}

/** On a cluster of one's own the campaign is suspended with it; elsewhere it would go on without anybody wanting it. */
async function interrupted(
  context: CommandContext,
  { bus, cluster }: Session,
  campaign: CampaignRecord,
): Promise<number> {
  const { terminal } = context;
  if (cluster?.isOwner === true) {
    terminal.event({ event: "campaign.suspended", campaignId: campaign.id });
    terminal.note(`interrupted; the same command continues campaign ${campaign.id}`);
    return exitCodes.interrupted;
  }
  await cancel(bus, campaign);
  terminal.event({ event: "campaign.cancelled", campaignId: campaign.id });
  terminal.note(`interrupted; campaign ${campaign.id} is cancelled. A new one buys no answered model call again`);
  return exitCodes.interrupted;
}

/** @throws what kept it from being cancelled, with the news that it goes on */
async function cancel(bus: Bus, { id }: CampaignRecord): Promise<void> {
  try {
    await bus.request({
      subject: subjects.control("cancel"),
      request: ControlRequest,
      reply: CampaignReply,
      value: { v: 1, kind: "campaign.cancel", campaignId: id, by: whoAsks() },
    });
  } catch (error) {
    const { code, boundary, message } = toHindcastError(error, "bus");
    throw new HindcastError({
      code,
      boundary,
      message: `interrupted, but campaign ${id} goes on, because it could not be cancelled (${message}); \`hindcast campaigns cancel ${id}\` tries it again`,
      cause: error,
    });
  }
}

async function conclude(context: CommandContext, session: Session, campaign: CampaignRecord): Promise<number> {
  const { terminal } = context;
  const report = campaign.report === null ? null : await readReport(session.bus, campaign.report);
  if (report !== null) {
    // A campaign that stopped early, its budget spent, still shows what it came to.
    const event = campaign.state === "finished" ? "campaign.finished" : "campaign.stopped";
    terminal.result({ event, campaignId: campaign.id, report }, () =>
      renderReport(report, { ...terminal.style, places: places(context, session) }),
    );
  }
  if (campaign.state !== "finished" || report === null) throw campaignFailure(campaign);
  return (report.outcomes.infrastructure ?? 0) > 0 ? exitCodes.partial : exitCodes.ok;
}

function places({ dataDirectory, loaded }: CommandContext, { cluster }: Session): { what: string; path: string }[] {
  if (cluster === null) return [{ what: "everything that is kept", path: loaded.config.cluster.natsUrl ?? "" }];
  return [
    { what: "everything that is kept", path: dataDirectory },
    { what: "logs of the processes", path: join(dataDirectory, "logs") },
  ];
}

export async function readReport(bus: Bus, blob: BlobRef): Promise<CampaignReport> {
  return CampaignReport.parse(JSON.parse(gunzipSync(await bus.blobs.get(blob)).toString("utf8")));
}
