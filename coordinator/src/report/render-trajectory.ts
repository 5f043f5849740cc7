import {
  actionText,
  observationText,
  sumCost,
  totalTokens,
  type Action,
  type Demonstration,
  type Effect,
  type EpisodeEnded,
  type Observation,
  type RetrievedReference,
  type Step,
  type Trajectory,
  type Turn,
} from "@hindcast/shared";
import { formatCountOf, formatDuration, formatUsd } from "./format.ts";
import { penFor, type Pen, type Style } from "./style.ts";
import { renderTable } from "./table.ts";
import { cut, printable, printableLine, wrap } from "./text-width.ts";

export interface TrajectoryOptions extends Style {
  /** What the agent was asked, where it is known. */
  instruction?: string;
  /** Lines of one observation that are shown; the rest are counted. @default 12 */
  observationLinesMax?: number;
}

const observationLinesDefault = 12;
const effectsShownMax = 10;
const indent = "    ";

/** An episode for people: how it ended, then every step with what was seen, done, changed, retrieved and paid. */
export function renderTrajectory(
  trajectory: Trajectory,
  ended: EpisodeEnded | null,
  options: TrajectoryOptions,
): string {
  const pen = penFor(options);
  const linesMax = options.observationLinesMax ?? observationLinesDefault;
  return [
    ...(ended === null ? [] : [endTable(ended, titleOf(trajectory, ended, pen), options.instruction, pen)]),
    ["Start", ...observationLines(trajectory.initial.observation, linesMax, pen)].join("\n"),
    ...trajectory.steps.map((step) => stepLines(step, linesMax, pen).join("\n")),
    ...(ended?.closing ? [closingLines(ended.closing, pen).join("\n")] : []),
  ].join("\n\n");
}

/** A demonstration for people: its instruction, where it comes from, its steps. */
export function renderDemonstration(demonstration: Demonstration, options: TrajectoryOptions): string {
  const pen = penFor(options);
  const linesMax = options.observationLinesMax ?? observationLinesDefault;
  const { lineage, instruction, steps, answer } = demonstration;
  const offline = lineage.isOffline ? ` ${pen.glyphs.dash} offline rules, no LLM` : "";
  return [
    ...wrap(`${demonstration.id}${offline}`, pen.width).map((line) => pen.paint.bold(line)),
    ...wrap(printable(instruction.text), pen.width),
    ...wrap(
      [
        `${instruction.kind}, score ${demonstration.score.toFixed(1)}, replay ${demonstration.replay}`,
        `${printableLine(lineage.documentSource)}`,
        `${lineage.episodeId} observations ${lineage.from} to ${lineage.to}`,
      ].join(` ${pen.glyphs.dot} `),
      pen.width,
    ).map((line) => pen.paint.dim(line)),
    ...observationLines(demonstration.initial, linesMax, pen),
    ...steps.flatMap(({ reason, action, observation }) => [
      ...reasonLines(reason, pen),
      ...actionLines(action, pen),
      ...observationLines(observation, linesMax, pen),
    ]),
    ...(answer === null ? [] : actionLines({ kind: "stop", answer }, pen)),
  ].join("\n");
}

/** Says so when no language model took part. */
function titleOf({ steps }: Trajectory, { episodeId, closing }: EpisodeEnded, pen: Pen): string {
  const calls = [...steps.flatMap(({ turn }) => turn.calls), ...(closing?.calls ?? [])];
  const isOffline = calls.length > 0 && calls.every(({ model }) => model.startsWith("offline:"));
  return `Episode ${episodeId}${isOffline ? ` ${pen.glyphs.dash} offline rules, no LLM` : ""}`;
}

function endTable(ended: EpisodeEnded, title: string, instruction: string | undefined, pen: Pen): string {
  const { evaluation, error } = ended;
  return renderTable(
    {
      title,
      columns: [{ header: "" }, { header: "", isFlexible: true }],
      rows: [
        ...(instruction === undefined ? [] : [["instruction", printableLine(instruction)]]),
        ["task", `${ended.taskId}, attempt ${ended.attempt}`],
        ["ended", ended.reason],
        ...(ended.answer === null ? [] : [["answer", printableLine(ended.answer)]]),
        ...(evaluation === null ? [] : [["evaluation", `${evaluation.verdict}: ${printableLine(evaluation.detail)}`]]),
        ...(error === null ? [] : [["error", `${error.code}: ${printableLine(error.message)}`]]),
        ["steps", `${formatCountOf(ended.steps, "step")} in ${formatDuration(ended.durationMs)}`],
        ["paid", `${formatCountOf(totalTokens(ended.usage), "token")}, ${formatUsd(ended.costUsd)}`],
      ],
    },
    pen,
  );
}

function stepLines({ index, turn, observed, timings }: Step, linesMax: number, pen: Pen): string[] {
  const times = [
    `retrieval ${formatDuration(timings.retrieveMs)}`,
    `model ${formatDuration(timings.actMs)}`,
    `environment ${formatDuration(timings.environmentMs)}`,
    paidText(turn),
  ].join(` ${pen.glyphs.dot} `);
  return [
    ...wrap(`Step ${index}  ${times}`, pen.width).map((line) => pen.paint.bold(line)),
    ...retrievedLines(turn.retrieved, pen),
    ...reasonLines(turn.reason, pen),
    ...actionLines(turn.action, pen),
    ...observationLines(observed.observation, linesMax, pen),
    ...effectLines(observed.effects, observed.effectsOmitted, pen),
  ];
}

function closingLines(turn: Turn, pen: Pen): string[] {
  return [
    pen.paint.bold(cut(`End  ${paidText(turn)}`, pen.width, pen.glyphs.ellipsis)),
    ...retrievedLines(turn.retrieved, pen),
    ...reasonLines(turn.reason, pen),
    ...actionLines(turn.action, pen),
  ];
}

function paidText({ calls }: Turn): string {
  const tokens = calls.reduce((sum, { usage }) => sum + totalTokens(usage), 0);
  return `${formatCountOf(tokens, "token")}, ${formatUsd(sumCost(calls.map(({ costUsd }) => costUsd)))}`;
}

function retrievedLines(retrieved: readonly RetrievedReference[], pen: Pen): string[] {
  return retrieved.map(({ demonstrationId, position, retriever, rank, score }) => {
    const where = position === null ? "" : ` at observation ${position}`;
    const text = `saw ${demonstrationId}${where}: ${retriever}, rank ${rank + 1}, score ${score.toFixed(3)}`;
    return pen.paint.dim(cut(`  ${text}`, pen.width, pen.glyphs.ellipsis));
  });
}

function reasonLines(reason: string, pen: Pen): string[] {
  return reason === "" ? [] : indented(printable(reason), "  ", pen);
}

function actionLines(action: Action, pen: Pen): string[] {
  const text = action.kind === "shell" ? `$ ${actionText(action)}` : actionText(action);
  return indented(printable(text), "  ", pen).map((line) => pen.paint.cyan(line));
}

/** The head of an observation and, always, its last line, which holds the exit code. */
function observationLines(observation: Observation, linesMax: number, pen: Pen): string[] {
  const lines = printable(observationText(observation)).split("\n");
  const last = lines.at(-1);
  if (lines.length <= linesMax || last === undefined) return lines.flatMap((line) => indented(line, indent, pen));
  const omitted = `${pen.glyphs.ellipsis} ${formatCountOf(lines.length - linesMax, "line")} not shown`;
  return [...lines.slice(0, linesMax - 1), omitted, last].flatMap((line) => indented(line, indent, pen));
}

const changeMarks: Record<Effect["change"], string> = { created: "+", modified: "~", removed: "-" };

function effectLines(effects: readonly Effect[], omitted: number, pen: Pen): string[] {
  const shown = effects
    .slice(0, effectsShownMax)
    .map(({ change, path }) =>
      cut(`${indent}${changeMarks[change]} ${printableLine(path)}`, pen.width, pen.glyphs.ellipsis),
    );
  const rest = effects.length - shown.length + omitted;
  return rest === 0 ? shown : [...shown, `${indent}${formatCountOf(rest, "further change")}`];
}

function indented(text: string, by: string, pen: Pen): string[] {
  return wrap(text, pen.width - by.length).map((line) => `${by}${line}`.trimEnd());
}
