import { Command } from "commander";
import { commandContext } from "./command-context.ts";
import { diagnose } from "./diagnosis.ts";
import { exitCodes } from "./exit-codes.ts";

export function doctorCommand(): Command {
  return new Command("doctor")
    .description("check what this machine has and lacks, and really open a sandbox")
    .action(async (_options: unknown, command: Command) => {
      const context = commandContext(command);
      const { terminal } = context;
      const findings = await diagnose(context);
      const isWell = findings.every(({ state }) => state !== "missing");
      const { paint } = terminal.pen;
      const colour = { good: paint.green, advice: paint.yellow, missing: paint.red };
      terminal.result({ event: "doctor", isWell, findings }, () =>
        [
          terminal.table(
            [{ header: "what" }, { header: "state" }, { header: "found, or what to do", isFlexible: true }],
            findings.map(({ what, state, detail }) => [what, colour[state](state), detail]),
          ),
          "",
          isWell ? "everything that is needed is here" : "something that is needed is missing: see above",
        ].join("\n"),
      );
      if (!isWell) process.exitCode = exitCodes.failed;
    });
}
