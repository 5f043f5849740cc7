import { CampaignRecord, isOver, Progress, subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import { ProgressView } from "../report/progress-view.ts";
import type { CommandContext } from "./command-context.ts";

/** Shows progress until the campaign has ended. @returns its record then, or null after Ctrl-C. */
export async function followCampaign(
  context: CommandContext,
  bus: Bus,
  campaign: CampaignRecord,
): Promise<CampaignRecord | null> {
  const { interruption } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([interruption.asked, over.signal]);
  let { state } = campaign;
  const showing = showProgress(context, bus, campaign, signal);
  try {
    for await (const { key, value } of bus.records("CAMPAIGNS", CampaignRecord).watch(signal)) {
      if (key !== campaign.id || value === null) continue;
      if (isOver(value.state)) return value;
      if (value.state !== state) showState(context, value);
      state = value.state;
    }
  } catch (error) {
    if (!interruption.asked.aborted) throw error;
  } finally {
    over.abort();
    await showing;
    context.terminal.status("");
  }
  return null;
}

function showState({ terminal }: CommandContext, { id, state }: CampaignRecord): void {
  terminal.event({ event: `campaign.${state === "paused" ? "paused" : "resumed"}`, campaignId: id });
  terminal.note(
    state === "paused"
      ? `campaign ${id} is paused; \`hindcast ctl resume ${id}\` lets it go on`
      : `campaign ${id} goes on`,
  );
}

/** Progress is lossy by intent: only what was heard last of each stage is shown. */
async function showProgress(
  { terminal }: CommandContext,
  bus: Bus,
  campaign: CampaignRecord,
  signal: AbortSignal,
): Promise<void> {
  const view = new ProgressView(terminal, terminal.style);
  try {
    for await (const progress of bus.subscribe(subjects.progress(campaign.id), Progress, signal)) {
      const { kind: _kind, v: _v, ...fields } = progress;
      terminal.event({ event: "progress", ...fields });
      view.update(progress);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    view.finish();
  }
}
