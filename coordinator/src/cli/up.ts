import { Command } from "commander";
import { whenAborted } from "./when-aborted.ts";
import { addSettingFlags, commandContext, type SettingFlag } from "./command-context.ts";
import { exitCodes } from "./exit-codes.ts";
import { withSession } from "./session.ts";

const settings: SettingFlag[] = [
  { flags: "--agents <n>", path: "cluster.agents", description: "rollout agents" },
  { flags: "--slots <n>", path: "cluster.slots", description: "episodes that each agent runs at once" },
];

export function upCommand(): Command {
  return addSettingFlags(new Command("up"), settings)
    .description("start the cluster on this machine and keep it running until Ctrl-C")
    .action(async (_options: unknown, command: Command) => {
      const context = commandContext(command, settings);
      const { terminal, interruption, dataDirectory } = context;
      await withSession(context, { parts: ["coordinator", "index", "agents"] }, async ({ cluster }) => {
        if (cluster?.isOwner === false) {
          terminal.result(
            { event: "cluster.running", url: cluster.url },
            () => `a cluster runs here already: ${cluster.url}`,
          );
          return;
        }
        terminal.result({ event: "cluster.running", url: cluster?.url }, () =>
          [
            `the cluster runs: ${cluster?.url ?? context.loaded.config.cluster.natsUrl}`,
            `its passwords lie in ${cluster?.credentialsDirectory}, its logs in ${dataDirectory}/logs`,
            "Ctrl-C ends it; `hindcast run` in another terminal uses it",
          ].join("\n"),
        );
        await whenAborted(interruption.asked);
        terminal.line("stopping: agents hand back what they hold");
      });
      process.exitCode = interruption.asked.aborted ? exitCodes.interrupted : exitCodes.ok;
    });
}
