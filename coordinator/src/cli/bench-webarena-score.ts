// Scores recorded runs: every task of the file counts, so that a run that is missing does not raise the score.
import { limits, messageOf } from "@hindcast/shared";
import {
  evaluateVerified,
  readHar,
  verifiedBaselines,
  verifiedEvaluation,
  verifiedReference,
  type Baseline,
  type Recording,
  type VerifiedResult,
  type VerifiedTask,
} from "@hindcast/shared/node";
import type { Command } from "commander";
import { readFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { type BenchmarkScore, scoreOf } from "../bench/benchmark-score.ts";
import { webOutcome } from "../bench/web-score.ts";
import { scoreTable } from "../report/render-score.ts";
import { printableLine } from "../report/text-width.ts";
import { chosenTasks, usage, type BenchOptions, type ChosenTasks } from "./bench-webarena-tasks.ts";
import { commandContext } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import type { Terminal } from "./terminal.ts";

interface Scored {
  task: VerifiedTask;
  /** `missing`: nothing was recorded; `error`: it could not be judged. Neither is a success. */
  status: VerifiedResult["status"] | "missing";
  detail: string;
  result: VerifiedResult | null;
}

export async function scoreWebArena(options: BenchOptions & { runs: string }, command: Command): Promise<void> {
  const { terminal, workingDirectory } = commandContext(command);
  const chosen = await chosenTasks(options, workingDirectory);
  const { read, sites } = chosen;
  if (read.benchmark !== "webarena-verified") {
    throw usage(`${chosen.file} is judged on live pages; only WebArena-Verified's tasks are judged from recordings`);
  }
  const folder = resolve(workingDirectory, options.runs);
  const scored: Scored[] = [];
  for (const task of read.tasks) scored.push(await score(task, join(folder, String(task.task_id)), chosen));
  const summary = summaryOf(scored);
  const baselines = verifiedBaselines(read.tasks, sites);
  terminal.result(
    { event: "benchmark-score", benchmark: read.benchmark, ...summary, baselines, results: scored.map(resultLine) },
    () =>
      [
        verdictTable(terminal, scored),
        "",
        scoreTable(summary.score, "site", terminal.pen),
        "",
        `${summary.failed} failed, ${summary.errors} could not be judged, ${summary.missing} have no run; all of them count`,
        "",
        baselineTable(terminal, baselines),
      ].join("\n"),
  );
  if (scored.some(({ status }) => status === "error")) process.exitCode = exitCodes.partial;
}

async function score(task: VerifiedTask, folder: string, { sites }: ChosenTasks): Promise<Scored> {
  const response = await textOf(join(folder, "agent_response.json"));
  const har = (await bytesOf(join(folder, "network.har"))) ?? (await bytesOf(join(folder, "network.har.gz")));
  if (response === null && har === null) {
    return { task, status: "missing", detail: "there is no run of it", result: null };
  }
  let recording: Recording | null = null;
  try {
    recording = har === null ? null : readHar(har, join(folder, "network.har"));
  } catch (error) {
    return { task, status: "error", detail: messageOf(error), result: null };
  }
  const seen = recording === null ? { events: null } : { events: recording.events, lacks: recording.lacks };
  const result = evaluateVerified({ reference: verifiedReference(task), response, sites, ...seen });
  return { task, status: result.status, detail: verifiedEvaluation(result).detail, result };
}

async function textOf(path: string): Promise<string | null> {
  const bytes = await bytesOf(path);
  if (bytes !== null && bytes.length > limits.taskPatternTextMax)
    throw usage(`${path} is no answer: it has ${bytes.length} bytes`);
  return bytes === null ? null : new TextDecoder().decode(bytes);
}

async function bytesOf(path: string): Promise<Uint8Array | null> {
  try {
    return await readFile(path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ENOENT") return null;
    throw usage(`${path} cannot be read: ${messageOf(error)}`);
  }
}

interface Summary {
  tasks: number;
  succeeded: number;
  failed: number;
  errors: number;
  missing: number;
  score: BenchmarkScore;
}

function summaryOf(scored: readonly Scored[]): Summary {
  const count = (status: Scored["status"]): number => scored.filter((one) => one.status === status).length;
  return {
    tasks: scored.length,
    succeeded: count("success"),
    failed: count("failure"),
    errors: count("error"),
    missing: count("missing"),
    score: scoreOf(scored.map(({ task, status }) => webOutcome(task, status === "success"))),
  };
}

function resultLine({ task, status, detail, result }: Scored): object {
  return { taskId: task.task_id, status, detail, result };
}

function verdictTable(terminal: Terminal, scored: readonly Scored[]): string {
  return terminal.table(
    [
      { header: "task", align: "right" },
      { header: "sites" },
      { header: "verdict" },
      { header: "why", isFlexible: true },
    ],
    scored
      .filter(({ status }) => status !== "missing")
      .map(({ task, status, detail }) => [String(task.task_id), task.sites.join(" "), status, printableLine(detail)]),
  );
}

function baselineTable(terminal: Terminal, baselines: readonly Baseline[]): string {
  return terminal.table(
    [{ header: "what doing nothing scores" }, { header: "passed", align: "right" }, { header: "of", align: "right" }],
    baselines.map(({ name, passed, tasks }) => [name, String(passed), String(tasks)]),
  );
}
