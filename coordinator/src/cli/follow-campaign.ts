import { CampaignRecord, Progress, subjects } from "@hindcast/shared";
import type { Bus } from "@hindcast/shared/node";
import type { CommandContext } from "./command-context.ts";

const stages = Progress.shape.stage.options;
/** Where nobody watches a live line, progress is printed as lines at most this often. */
const lineEveryMs = 15_000;

/** Shows progress until the campaign has ended. @returns its record then, or null after Ctrl-C. */
export async function followCampaign(
  context: CommandContext,
  bus: Bus,
  campaign: CampaignRecord,
): Promise<CampaignRecord | null> {
  const { interruption } = context;
  const over = new AbortController();
  const signal = AbortSignal.any([interruption.asked, over.signal]);
  const showing = showProgress(context, bus, campaign, signal);
  try {
    for await (const { key, value } of bus.records("CAMPAIGNS", CampaignRecord).watch(signal)) {
      if (key === campaign.id && value !== null && value.state !== "running") return value;
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

/** Progress is lossy by intent: only what was heard last of each stage is shown. */
async function showProgress(
  { terminal }: CommandContext,
  bus: Bus,
  campaign: CampaignRecord,
  signal: AbortSignal,
): Promise<void> {
  const heard = new Map<Progress["stage"], Progress>();
  let printedAt = Date.now();
  try {
    for await (const progress of bus.subscribe(subjects.progress(campaign.id), Progress, signal)) {
      heard.set(progress.stage, progress);
      const { kind: _kind, v: _v, ...fields } = progress;
      terminal.event({ event: "progress", ...fields });
      const line = stages.flatMap((stage) => text(heard.get(stage))).join(" · ");
      if (terminal.style.isLive) terminal.status(line);
      else if (Date.now() - printedAt > lineEveryMs) {
        printedAt = Date.now();
        terminal.line(line);
      }
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  }
}

function text(progress: Progress | undefined): string[] {
  if (progress === undefined) return [];
  const { stage, done, total, note } = progress;
  return [`${stage} ${done}/${total}${note === "" ? "" : ` (${note})`}`];
}
