// `hindcast <verb>`: one file per verb beside this one; here they are only put together, and whatever they throw becomes
// one line and an exit code.
import { HindcastError, messageOf } from "@hindcast/shared";
import { Command, CommanderError } from "commander";
import { printable } from "../report/text-width.ts";
import { benchCommand } from "./bench.ts";
import { campaignsCommand } from "./campaigns.ts";
import { configCommand } from "./config.ts";
import { ctlCommand } from "./ctl.ts";
import { deadLettersCommand } from "./dead-letters.ts";
import { doctorCommand } from "./doctor.ts";
import { exitCodeOf, exitCodes } from "./exit-codes.ts";
import { exportCommand } from "./export.ts";
import { forgetCommand } from "./forget.ts";
import { gcCommand } from "./gc.ts";
import { imageCommand } from "./image.ts";
import { initCommand } from "./init.ts";
import { Interrupted } from "./interruption.ts";
import { lanesCommand } from "./lanes.ts";
import { planCommand } from "./plan.ts";
import { preflightCommand } from "./preflight.ts";
import { runCommand } from "./run.ts";
import { searchCommand } from "./search.ts";
import { showCommand } from "./show.ts";
import { sitesCommand } from "./sites.ts";
import { statusCommand } from "./status.ts";
import { upCommand } from "./up.ts";

const program = new Command("hindcast")
  .description("Teaches LLM agents an application without human labels.")
  .option("--config <file>", "configuration file (default: hindcast.config.yaml or .json)")
  .option("--data <folder>", "data directory (default: .hindcast)")
  .option(
    "--set <path=value>",
    "any setting, repeatable; see `hindcast config`",
    (item, items: string[]) => [...items, item],
    [],
  )
  .option("--json", "one JSON object per line instead of text")
  .option("--verbose", "show stacks with errors")
  .exitOverride()
  .showHelpAfterError("(hindcast --help shows what there is)");

for (const create of [
  initCommand,
  doctorCommand,
  preflightCommand,
  configCommand,
  planCommand,
  runCommand,
  upCommand,
  statusCommand,
  lanesCommand,
  campaignsCommand,
  showCommand,
  searchCommand,
  exportCommand,
  benchCommand,
  sitesCommand,
  deadLettersCommand,
  ctlCommand,
  gcCommand,
  imageCommand,
  forgetCommand,
]) {
  const command = create();
  program.addCommand(command);
  inheritSettings(command);
}

/** Subcommands made elsewhere inherit nothing by themselves: errors must be thrown here too, not exit. */
function inheritSettings(command: Command): void {
  command.copyInheritedSettings(program).showHelpAfterError(`(${callOf(command)} --help shows how it is used)`);
  for (const child of command.commands) inheritSettings(child);
}

/** As it is typed: `hindcast ctl pause`. */
function callOf(command: Command): string {
  return command.parent === null ? command.name() : `${callOf(command.parent)} ${command.name()}`;
}

// `hindcast … | head` closes the pipe early: whoever reads has had enough, and that is no failure.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
});

try {
  await program.parseAsync();
} catch (error) {
  process.exitCode = report(error);
}
// Whatever a command left open (a handle of a library, a timer) must not keep the terminal waiting.
process.exit();

function report(error: unknown): number {
  if (error instanceof CommanderError) return error.exitCode === 0 ? exitCodes.ok : exitCodes.usage;
  if (Interrupted.isBehind(error)) {
    console.error("interrupted");
    return exitCodes.interrupted;
  }
  const { json, verbose } = program.opts<{ json?: boolean; verbose?: boolean }>();
  const code = error instanceof HindcastError ? error.code : "INTERNAL";
  if (json === true) console.log(JSON.stringify({ event: "error", code, message: messageOf(error) }));
  // Providers' and campaigns' words stand in it.
  console.error(`error: ${printable(messageOf(error))} (${code})`);
  if (verbose === true && error instanceof Error) console.error(printable(error.stack ?? ""));
  return exitCodeOf(error);
}
