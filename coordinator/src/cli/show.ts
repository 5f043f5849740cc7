import {
  actionText,
  CampaignRecord,
  EpisodeId,
  HindcastError,
  observationText,
  type TaskResult,
} from "@hindcast/shared";
import { type AssembledTrajectory, type Bus, newestAttempt } from "@hindcast/shared/node";
import { Command } from "commander";
import { formatDuration } from "../report/format.ts";
import { printable, printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";
import type { Terminal } from "./terminal.ts";

interface Shown {
  campaignId: string;
  trajectory: AssembledTrajectory;
  result: TaskResult | null;
}

export function showCommand(): Command {
  return new Command("show")
    .argument("<episode>", "e.g. ep-1a2b3c")
    .description("show what happened in an episode, step by step")
    .action(async (text: string, _options: unknown, command: Command) => {
      const context = commandContext(command);
      const id = EpisodeId.safeParse(text);
      if (!id.success) throw unknown(`"${text}" is no episode id; ids look like ep-1a2b3c`);
      const shown = await withSession(context, { parts: [] }, ({ bus }) => findEpisode(bus, id.data));
      const { trajectory, ...rest } = shown;
      context.terminal.result(
        { event: "episode", ...rest, attempt: trajectory.attempt, trajectory: trajectory.trajectory },
        () => describe(context.terminal, id.data, shown),
      );
    });
}

/** Episodes are stored under their campaign; a person knows the episode only. */
async function findEpisode(bus: Bus, id: EpisodeId): Promise<Shown> {
  for (const { value: campaign } of await bus.records("CAMPAIGNS", CampaignRecord).entries()) {
    const records = await bus.trajectories.read(campaign.id, id);
    const first = records[0];
    if (first === undefined) continue;
    const trajectory = newestAttempt(records);
    if (trajectory === null) throw unknown(`episode ${id} has records but no attempt that is complete`);
    return { campaignId: campaign.id, trajectory, result: await bus.results.get(campaign.id, first.record.taskId) };
  }
  throw unknown(`there is no episode ${id} in any campaign; \`hindcast status\` lists campaigns`);
}

function describe(
  terminal: Terminal,
  id: EpisodeId,
  { campaignId, trajectory: { attempt, trajectory }, result }: Shown,
): string {
  const { paint } = terminal.pen;
  const lines = [`${paint.bold(id)} of campaign ${campaignId}, attempt ${attempt}`, ""];
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
  const { reason, closing, answer, evaluation, error } = result;
  return [
    `ended: ${reason}`,
    ...(closing === null ? [] : [`closing action: ${printableLine(actionText(closing.action))}`]),
    ...(answer === null ? [] : [`answer: ${printable(answer)}`]),
    ...(evaluation === null ? [] : [`evaluation: ${evaluation.verdict} (${printableLine(evaluation.detail)})`]),
    ...(error === null ? [] : [`error: ${printableLine(error.message)} (${error.code})`]),
  ];
}

function unknown(message: string): HindcastError {
  return new HindcastError({ code: "CAMPAIGN_NOT_FOUND", boundary: "campaign", message });
}
