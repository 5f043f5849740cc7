// `hindcast bench swe-bench make`: executable tasks from a project whose tests pass.
import { resolve } from "node:path";
import { HindcastError } from "@hindcast/shared";
import {
  BugKind,
  type MakeTasksRequest,
  type MakingCosts,
  nodePackages,
  packageSource,
  pythonEnvironment,
  type VerificationEvent,
} from "@hindcast/shared/node";
import { Command, Option } from "commander";
import { type PlaceOptions, placesOf, positive, withPlaces } from "./bench-swe-bench-places.ts";
import { runSweBench } from "./bench-swe-bench-process.ts";
import { type CommandContext, commandContext, repeatable } from "./command-context.ts";
import { Interrupted } from "./interruption.ts";
import { modelEnvironment } from "./session.ts";

interface Options extends PlaceOptions {
  repo?: string;
  commit?: string;
  package?: string;
  language?: string;
  python: string;
  pip?: string[];
  npm?: string[];
  test: string;
  parser?: string;
  model?: string;
  bugs?: string;
  maxUsd: string;
  count: string;
  tries: string;
  out: string;
}

export function sweBenchMakeCommand(): Command {
  return withPlaces(new Command("make"))
    .description(
      "make tasks from a Python, JavaScript or TypeScript project: put bugs in, keep those that its tests notice",
    )
    .option("--repo <owner/name>", "the project, found in --repos")
    .option("--commit <sha>", "where its tests pass")
    .option(
      "--package <archive>",
      "instead of both: pypi:name@version, npm:name@version, or a file of such an archive (name-version.tar.gz, .tgz)",
    )
    .requiredOption("--test <command>", 'runs all tests, e.g. "python -m pytest -rA", "vitest run --reporter=verbose"')
    .requiredOption("--out <folder>", "gets tasks.jsonl, pins.jsonl and repositories/")
    .addOption(
      new Option("--language <name>", "of the sources (default: python; of npm's packages javascript)").choices([
        "python",
        "javascript",
      ]),
    )
    .option("--parser <name>", "how the tests' log is read (default: parse_log_pytest, parse_log_tap)")
    .option("--npm <name@version>", "a package that a JavaScript project needs; repeatable", repeatable)
    .option("--python <version>", "3.8 or newer", "3.11")
    .option("--pip <name==version>", "a package that the project needs; repeatable", repeatable)
    .option("--model <provider:model>", "writes bugs and issue texts (default: no model, texts by a template)")
    .option(
      "--bugs <kinds>",
      "separated by commas: operators, rewrite (a model writes functions anew), modify (it puts a bug in) (default: operators; all with --model)",
    )
    .option("--max-usd <n>", "what the model may cost; the rest is made without it", "5")
    .option("--count <n>", "tasks wanted", "10")
    .option("--tries <n>", "bugs tried at most", "200")
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal, interruption, workingDirectory, env } = context;
  const author = authorOf(options, context);
  const made: Extract<VerificationEvent, { event: "task" }>[] = [];
  let asked: MakingCosts | null = null;
  const onEvent = (event: VerificationEvent): void => {
    terminal.event(event);
    if (event.event === "task") {
      made.push(event);
      terminal.status(`${made.length} of ${options.count} made; ${event.instanceId}`);
    }
    if (event.event === "asked") asked = event;
    if (event.event === "made") {
      terminal.status("");
      const columns = [
        { header: "task", isFlexible: true },
        { header: "F2P", align: "right" as const },
        { header: "P2P", align: "right" as const },
      ];
      const rows = made.map(({ instanceId, failToPass, passToPass }) => [
        instanceId,
        String(failToPass),
        String(passToPass),
      ]);
      terminal.line(terminal.table(columns, rows));
      if (asked !== null) terminal.line(costsLine(asked, options.maxUsd));
      terminal.line(
        `wrote ${event.tasks} tasks to ${event.file}; check them with "hindcast bench swe-bench verify --tasks ${event.file} --repos ${event.repositories}"`,
      );
    }
  };
  const source = sourceOf(options, workingDirectory);
  const isOfNpm = source.kind === "package" && source.registry === "npm";
  const isPython = (options.language ?? (isOfNpm ? "javascript" : "python")) === "python";
  const request = {
    ...placesOf(options, context),
    verb: "make" as const,
    source,
    language: isPython ? ("python" as const) : ("javascript" as const),
    environment: isPython
      ? pythonEnvironment({ python: options.python, pip: options.pip ?? [], conda_python_packages: {} })
      : null,
    packages: options.npm === undefined ? null : nodePackages(options.npm),
    testCommand: options.test,
    logParser: options.parser ?? (isPython ? "parse_log_pytest" : "parse_log_tap"),
    author,
    kinds: kindsOf(options),
    count: Math.round(positive("--count", options.count)),
    triesMax: Math.round(positive("--tries", options.tries)),
    out: resolve(workingDirectory, options.out),
  };
  const models = author === null ? {} : modelEnvironment(context);
  await runSweBench({ request, env, models, onEvent }, interruption.asked);
  if (interruption.asked.aborted) throw new Interrupted("interrupted");
}

/** @throws CONFIG_INVALID where it is not one of the two */
function sourceOf({ repo, commit, package: named }: Options, folder: string): MakeTasksRequest["source"] {
  if (named !== undefined) {
    if (repo !== undefined || commit !== undefined) {
      throw refused("--package stands instead of --repo and --commit; name one or the other");
    }
    const source = packageSource(named);
    return source.registry === "file" ? { ...source, path: resolve(folder, source.path) } : source;
  }
  if (repo === undefined || commit === undefined) {
    throw refused(
      "what tasks are made from is missing: name --repo and --commit, or --package, such as pypi:iniconfig@2.3.0",
    );
  }
  return { kind: "commit", repository: repo, commit };
}

function authorOf({ model, maxUsd }: Options, { loaded }: Pick<CommandContext, "loaded">): MakeTasksRequest["author"] {
  const { allowUnknownPrices } = loaded.config.admission;
  return model === undefined ? null : { model, usdMax: positive("--max-usd", maxUsd), allowUnknownPrices };
}

function kindsOf({ bugs, model }: Options): BugKind[] {
  if (bugs === undefined) return model === undefined ? ["operators"] : [...BugKind.options];
  const named = bugs.split(",").map((kind) => kind.trim());
  const stranger = named.find((kind) => !BugKind.safeParse(kind).success);
  if (stranger !== undefined) throw refused(`--bugs names "${stranger}"; write some of ${BugKind.options.join(", ")}`);
  const kinds = BugKind.options.filter((kind) => named.includes(kind));
  if (model !== undefined || kinds.every((kind) => kind === "operators")) return kinds;
  throw refused(`--bugs names ${bugs}, which a model writes; name one with --model provider:model`);
}

function costsLine({ model, calls, journaled, costUsd, unusable, isSpent }: MakingCosts, maxUsd: string): string {
  const cost = costUsd === null ? "an unknown price" : `$${costUsd.toFixed(4)}`;
  const rest = isSpent ? `; its budget of $${maxUsd} did not reach, and the rest was made without it` : "";
  return `${model} was asked ${calls} times (${journaled} answers were there already) for ${cost}; ${unusable} answers could not be used${rest}`;
}

function refused(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
