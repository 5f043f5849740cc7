import {
  actionText,
  CampaignId,
  CampaignRecord,
  type EpisodeEnded,
  EpisodeId,
  HindcastError,
  observationText,
  type TaskResult,
  type Trajectory,
} from "@hindcast/shared";
import { type Bus, newestAttempt } from "@hindcast/shared/node";
import { Command } from "commander";
import { formatDuration } from "../report/format.ts";
import { printable, printableLine } from "../report/text-width.ts";
import { acceptedTrajectory } from "../trajectory-collector.ts";
import { type CommandContext, commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";
import type { Terminal } from "./terminal.ts";

/** Episodes of a campaign that are printed together, and so aligned. */
const blockRows = 1_000;

export interface ShownEpisode {
  campaignId: string;
  /** The accepted attempt of an episode that has ended, else the newest that can be read as a whole. */
  attempt: number;
  trajectory: Trajectory;
  result: TaskResult | null;
  /** Why what is shown of an ended episode is not what its terminal record accepted. */
  problem: string | null;
}

export function showCommand(): Command {
  return new Command("show")
    .argument("<id>", "an episode, e.g. ep-1a2b3c, or a campaign, e.g. c-0001")
    .description("show what happened in an episode, step by step, or which episodes a campaign had")
    .action(async (text: string, _options: unknown, command: Command) => {
      const context = commandContext(command);
      const campaign = CampaignId.safeParse(text);
      if (campaign.success) return await listEpisodes(context, campaign.data);
      const id = EpisodeId.safeParse(text);
      if (!id.success) throw noId(text);
      const shown = await withSession(context, { parts: [] }, ({ bus }) => findEpisode(bus, id.data));
      context.terminal.result({ event: "episode", ...shown }, () => describe(context.terminal, id.data, shown));
    });
}

/** Listed as they are read: a campaign may have more episodes than fit into memory. */
async function listEpisodes(context: CommandContext, id: CampaignId): Promise<void> {
  await withSession(context, { parts: [] }, async ({ bus }) => {
    const stored = await bus.records("CAMPAIGNS", CampaignRecord).get(id);
    if (stored === null) throw unknown(`there is no campaign ${id}; \`hindcast campaigns list\` shows them`);
    const { forgottenAt } = stored.value;
    if (forgottenAt !== null) context.terminal.line(`the episodes of ${id} were forgotten at ${forgottenAt}`);
    let block: EpisodeEnded[] = [];
    let isFirst = true;
    for await (const result of bus.results.each(id)) {
      if (result.kind !== "episode.ended") continue;
      block.push(result);
      if (block.length < blockRows) continue;
      printEpisodes(context.terminal, id, block);
      block = [];
      isFirst = false;
    }
    if (isFirst || block.length > 0) printEpisodes(context.terminal, id, block);
  });
}

/** One table, or one JSON object: more episodes than `blockRows` are several of them. */
function printEpisodes(terminal: Terminal, id: CampaignId, episodes: readonly EpisodeEnded[]): void {
  terminal.result(
    {
      event: "episodes",
      campaignId: id,
      episodes: episodes.map(({ episodeId, reason, steps, durationMs, evaluation }) => ({
        episodeId,
        reason,
        steps,
        durationMs,
        verdict: evaluation?.verdict ?? null,
      })),
    },
    () =>
      terminal.table(
        [
          { header: "episode" },
          { header: "ended" },
          { header: "steps", align: "right" },
          { header: "took", align: "right" },
          { header: "evaluation" },
        ],
        episodes.map(({ episodeId, reason, steps, durationMs, evaluation }) => [
          episodeId,
          reason,
          String(steps),
          formatDuration(durationMs),
          evaluation?.verdict ?? "",
        ]),
      ),
  );
}

/**
 * Episodes are stored under their campaign; a person knows the episode only. Of one that has ended the attempt counts
 * that its terminal record names: an attempt that was begun later was cut off, or is a zombie's.
 */
export async function findEpisode(
  bus: Pick<Bus, "records" | "results" | "trajectories">,
  id: EpisodeId,
): Promise<ShownEpisode> {
  for (const { value: campaign } of await bus.records("CAMPAIGNS", CampaignRecord).entries()) {
    const records = await bus.trajectories.read(campaign.id, id);
    const first = records[0];
    if (first === undefined) continue;
    const campaignId = campaign.id;
    const result = await bus.results.get(campaignId, first.record.taskId);
    let problem: string | null = null;
    if (result?.kind === "episode.ended") {
      const accepted = acceptedTrajectory(records, result);
      if ("trajectory" in accepted) return { campaignId, attempt: result.attempt, ...accepted, result, problem };
      ({ problem } = accepted);
    }
    const newest = newestAttempt(records);
    if (newest === null) throw unknown(`episode ${id} has records but no attempt that is complete`);
    const { attempt, trajectory } = newest;
    return { campaignId, attempt, trajectory, result, problem };
  }
  throw unknown(`there is no episode ${id} in any campaign; \`hindcast show c-0001\` lists those of a campaign`);
}

function describe(
  terminal: Terminal,
  id: EpisodeId,
  { campaignId, attempt, trajectory, result, problem }: ShownEpisode,
): string {
  const { paint } = terminal.pen;
  const lines = [`${paint.bold(id)} of campaign ${campaignId}, attempt ${attempt}`];
  if (problem !== null) lines.push(`not accepted, only the newest that is there: ${problem}`);
  lines.push("");
  lines.push(printable(observationText(trajectory.initial.observation)), "");
  for (const { index, turn, observed, timings } of trajectory.steps) {
    lines.push(
      `${paint.bold(`step ${index}`)} (${formatDuration(timings.retrieveMs + timings.actMs + timings.environmentMs)})`,
    );
    if (turn.reason !== "") lines.push(paint.dim(printable(turn.reason)));
    lines.push(
      `${paint.cyan("$")} ${printable(actionText(turn.action))}`,
      printable(observationText(observed.observation)),
    );
    for (const { demonstrationId, retriever, score } of turn.retrieved) {
      lines.push(paint.dim(`saw ${demonstrationId} by ${retriever} (${score.toFixed(3)})`));
    }
    lines.push("");
  }
  lines.push(...ending(result));
  return lines.join("\n");
}

function ending(result: TaskResult | null): string[] {
  if (result === null) return ["it has not ended"];
  if (result.kind === "replay.ended") return [`replay ${result.outcome}: ${printableLine(result.detail)}`];
  if (result.kind === "stage.ended") return [`stage ${result.outcome}`];
  const { reason, closing, answer, evaluation, error } = result;
  return [
    `ended: ${reason}`,
    ...(closing === null ? [] : [`closing action: ${printableLine(actionText(closing.action))}`]),
    ...(answer === null ? [] : [`answer: ${printable(answer)}`]),
    ...(evaluation === null ? [] : [`evaluation: ${evaluation.verdict} (${printableLine(evaluation.detail)})`]),
    ...(error === null ? [] : [`error: ${printableLine(error.message)} (${error.code})`]),
  ];
}

function noId(text: string): HindcastError {
  const message = `"${text}" is no id of an episode (ep-1a2b3c) or a campaign (c-0001)`;
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}

function unknown(message: string): HindcastError {
  return new HindcastError({ code: "CAMPAIGN_NOT_FOUND", boundary: "campaign", message });
}
