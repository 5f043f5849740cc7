// `hindcast bench swe-bench`: admission of instances, and the judging of prediction files. The agent's program does the
// work; here its findings become a table.
import { existsSync, statSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import type { VerificationEvent, VerificationRequest } from "@hindcast/shared/node";
import { Command } from "commander";
import { commandContext, type CommandContext, repeatable } from "./command-context.ts";
import { defaults } from "../config/defaults.ts";
import { exitCodes } from "./exit-codes.ts";
import { Interrupted } from "./interruption.ts";
import { sweBenchMakeCommand } from "./bench-swe-bench-make.ts";
import { sweBenchPredictionsCommand } from "./bench-swe-bench-predictions.ts";
import { type PlaceOptions, placesOf, positive, withPlaces } from "./bench-swe-bench-places.ts";
import { runSweBench } from "./bench-swe-bench-process.ts";
import {
  type AdmissionEvent,
  admissionTable,
  type EvaluationEvent,
  evaluationScore,
  evaluationTable,
} from "./bench-swe-bench-table.ts";
import { scoreTable } from "../report/render-score.ts";

interface Options extends PlaceOptions {
  instances?: string[];
  tasks?: string;
  pins?: string;
  predictions: string;
  parallel: string;
  again?: boolean;
}

/** Beside the data file: of tasks that were made here, and SWE-bench's own. */
const pinsNames = ["pins.jsonl", "verified-env-pins.jsonl.gz"];

export function sweBenchCommand(): Command {
  const command = new Command("swe-bench").description(
    "SWE-bench: Verified, Lite, Multilingual, or tasks in its format",
  );
  command.addCommand(
    shared(new Command("verify"))
      .description("admit instances: the gold patch must resolve them and an empty one must not")
      .option("--again", "also where a verdict is stored")
      .action((options: Options, own: Command) => run({ ...options, predictions: "" }, own)),
  );
  command.addCommand(
    shared(new Command("evaluate"))
      .description("run the tests of the instances that a prediction file has patches for")
      .requiredOption("--predictions <file>", "JSONL of instance_id, model_name_or_path, model_patch")
      .action(run),
  );
  command.addCommand(sweBenchPredictionsCommand());
  command.addCommand(sweBenchMakeCommand());
  return command;
}

function shared(command: Command): Command {
  return withPlaces(command)
    .option("--tasks <file>", "the instances: JSONL, gzipped JSONL or Parquet (--data with a file will do)")
    .option("--instances <ids>", "only these: separated by commas, * for anything; repeatable", repeatable)
    .option("--pins <file>", `pinned Python environments (default: ${pinsNames.join(" or ")} beside the data)`)
    .option("--parallel <n>", "instances at a time", "1");
}

async function run(options: Options, command: Command): Promise<void> {
  const context = commandContext(command);
  const request = requestOf(options, context);
  const { terminal, interruption } = context;
  const admissions: AdmissionEvent[] = [];
  const evaluations: EvaluationEvent[] = [];
  let total = 0;
  const onEvent = (event: VerificationEvent): void => {
    terminal.event(event);
    if (event.event === "started") total = event.instances;
    if (event.event === "phase") {
      const done = admissions.length + evaluations.length;
      terminal.status(`${done} of ${total} done; ${event.instanceId}: ${event.phase}`);
    }
    if (event.event === "admission") {
      admissions.push(event);
      const { instanceId, status, seconds } = event.admission;
      if (!terminal.style.isLive)
        terminal.line(`${instanceId}: ${status} (${event.isStored ? "stored" : `${seconds.toFixed(1)} s`})`);
    }
    if (event.event === "evaluation") evaluations.push(event);
  };
  await runSweBench({ request, env: context.env, onEvent }, interruption.asked);
  terminal.status("");
  if (interruption.asked.aborted) throw new Interrupted("interrupted");
  terminal.line();
  if (options.predictions === "") {
    terminal.line(admissionTable(terminal, admissions));
  } else {
    terminal.line(evaluationTable(terminal, evaluations));
    terminal.line();
    const score = evaluationScore(evaluations);
    terminal.result({ event: "score", score }, () => scoreTable(score, "repository", terminal.pen));
  }
  process.exitCode = exitCodeFor(admissions, evaluations);
}

function exitCodeFor(admissions: readonly AdmissionEvent[], evaluations: readonly EvaluationEvent[]): number {
  const isIncomplete =
    admissions.some(({ admission }) => admission.status === "unavailable") ||
    evaluations.some(({ verdict }) => verdict === null);
  if (isIncomplete) return exitCodes.partial;
  // A rejected instance is what verification is there to find; a wrong patch is what evaluation is there to find.
  return exitCodes.ok;
}

function requestOf(options: Options, given: CommandContext): VerificationRequest {
  const inFolder = (path: string): string => resolve(given.workingDirectory, path);
  // Everywhere else --data is the data directory; people write it for the data set here, and a file is no directory.
  const isDataFile = options.tasks === undefined && isFile(given.dataDirectory);
  const context = isDataFile ? { ...given, dataDirectory: inFolder(defaults.cluster.dataDirectory) } : given;
  if (options.tasks === undefined && !isDataFile) {
    const message = "--tasks is missing: name a file of instances, such as verified.jsonl.gz";
    throw new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
  }
  const instances = options.tasks === undefined ? given.dataDirectory : inFolder(options.tasks);
  const beside = pinsNames.map((name) => join(dirname(instances), name)).find((path) => existsSync(path)) ?? null;
  return {
    ...placesOf(options, context),
    verb: "verify",
    instances,
    ids: (options.instances ?? [])
      .flatMap((ids) => ids.split(","))
      .map((id) => id.trim())
      .filter((id) => id !== ""),
    pins: options.pins === undefined ? beside : inFolder(options.pins),
    predictions: options.predictions === "" ? null : inFolder(options.predictions),
    parallel: Math.round(positive("--parallel", options.parallel)),
    isRepeated: options.again ?? false,
  };
}

function isFile(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isFile() ?? false;
}
