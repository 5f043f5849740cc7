import { Command } from "commander";
import { commandContext } from "./command-context.ts";
import { diagnose } from "./diagnosis.ts";
import { showFindings } from "./show-findings.ts";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check what this machine has and lacks, and really open a sandbox")
    .action(async (_options: unknown, command: Command) => {
      const context = commandContext(command);
      showFindings(context.terminal, "doctor", await diagnose(context));
    });
}
