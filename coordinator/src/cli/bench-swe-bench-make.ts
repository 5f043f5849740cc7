// `hindcast bench swe-bench make`: executable tasks from a project whose tests pass.
import { resolve } from "node:path";
import { nodePackages, pythonEnvironment, type VerificationEvent } from "@hindcast/shared/node";
import { Command, Option } from "commander";
import { type PlaceOptions, placesOf, positive, withPlaces } from "./bench-swe-bench-places.ts";
import { runSweBench } from "./bench-swe-bench-process.ts";
import { commandContext, repeatable } from "./command-context.ts";
import { Interrupted } from "./interruption.ts";

interface Options extends PlaceOptions {
  repo: string;
  commit: string;
  language: string;
  python: string;
  pip?: string[];
  npm?: string[];
  test: string;
  parser?: string;
  count: string;
  tries: string;
  out: string;
}

export function sweBenchMakeCommand(): Command {
  return withPlaces(new Command("make"))
    .description(
      "make tasks from a Python, JavaScript or TypeScript project: put bugs in, keep those that its tests notice",
    )
    .requiredOption("--repo <owner/name>", "the project, found in --repos")
    .requiredOption("--commit <sha>", "where its tests pass")
    .requiredOption("--test <command>", 'runs all tests, e.g. "python -m pytest -rA", "vitest run --reporter=verbose"')
    .requiredOption("--out <folder>", "gets tasks.jsonl, pins.jsonl and repositories/")
    .addOption(new Option("--language <name>", "of the sources").choices(["python", "javascript"]).default("python"))
    .option("--parser <name>", "how the tests' log is read (default: parse_log_pytest, parse_log_tap)")
    .option("--npm <name@version>", "a package that a JavaScript project needs; repeatable", repeatable)
    .option("--python <version>", "3.8 or newer", "3.11")
    .option("--pip <name==version>", "a package that the project needs; repeatable", repeatable)
    .option("--count <n>", "tasks wanted", "10")
    .option("--tries <n>", "bugs tried at most", "200")
    .action(run);
}

async function run(options: Options, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal, interruption, workingDirectory, env } = context;
  const made: Extract<VerificationEvent, { event: "task" }>[] = [];
  const onEvent = (event: VerificationEvent): void => {
    terminal.event(event);
    if (event.event === "task") {
      made.push(event);
      terminal.status(`${made.length} of ${options.count} made; ${event.instanceId}`);
    }
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
      terminal.line(
        `wrote ${event.tasks} tasks to ${event.file}; check them with "hindcast bench swe-bench verify --tasks ${event.file} --repos ${event.repositories}"`,
      );
    }
  };
  const isPython = options.language === "python";
  const request = {
    ...placesOf(options, context),
    verb: "make" as const,
    repository: options.repo,
    commit: options.commit,
    language: isPython ? ("python" as const) : ("javascript" as const),
    environment: isPython
      ? pythonEnvironment({ python: options.python, pip: options.pip ?? [], conda_python_packages: {} })
      : null,
    packages: options.npm === undefined ? null : nodePackages(options.npm),
    testCommand: options.test,
    logParser: options.parser ?? (isPython ? "parse_log_pytest" : "parse_log_tap"),
    count: Math.round(positive("--count", options.count)),
    triesMax: Math.round(positive("--tries", options.tries)),
    out: resolve(workingDirectory, options.out),
  };
  await runSweBench({ request, env, onEvent }, interruption.asked);
  if (interruption.asked.aborted) throw new Interrupted("interrupted");
}
