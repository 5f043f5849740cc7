import { CampaignId, CampaignRecord, CampaignReply, ControlRequest, HindcastError, subjects } from "@hindcast/shared";
import { Command } from "commander";
import { printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";
import { whoAsks } from "./who-asks.ts";

export function campaignsCommand(): Command {
  return new Command("campaigns")
    .description("list campaigns, or cancel one on a running cluster")
    .addCommand(new Command("list").description("list all campaigns").action(list))
    .addCommand(
      new Command("cancel").argument("<id>", "e.g. c-0001").description("cancel a running campaign").action(cancel),
    );
}

async function list(_options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  const entries = await withSession(context, { parts: [] }, ({ bus }) =>
    bus.records("CAMPAIGNS", CampaignRecord).entries(),
  );
  const campaigns = entries.map(({ value }) => value).toSorted((a, b) => (a.id < b.id ? -1 : 1));
  const { terminal } = context;
  terminal.result({ event: "campaigns", campaigns }, () =>
    terminal.table(
      [
        { header: "campaign" },
        { header: "state" },
        { header: "name", isFlexible: true },
        { header: "started" },
        { header: "detail", isFlexible: true },
      ],
      campaigns.map(({ id, state, name, startedAt, detail }) =>
        [id, state, name, startedAt, detail ?? ""].map(printableLine),
      ),
    ),
  );
}

async function cancel(text: string, _options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  const id = CampaignId.safeParse(text);
  if (!id.success) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `"${text}" is no campaign id; \`hindcast campaigns list\` shows them, e.g. c-0001`,
    });
  }
  const { campaign } = await withSession(context, { parts: [], mayStart: false }, ({ bus }) =>
    bus.request({
      subject: subjects.control("cancel"),
      request: ControlRequest,
      reply: CampaignReply,
      value: { v: 1, kind: "campaign.cancel", campaignId: id.data, by: whoAsks() },
    }),
  );
  const { terminal } = context;
  terminal.result({ event: "campaign", campaign }, () => `campaign ${campaign.id} is ${campaign.state}`);
}
