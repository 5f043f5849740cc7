import { AdmissionStatus, AdmissionStatusRequest, subjects } from "@hindcast/shared";
import { Command } from "commander";
import { lanePrefix } from "../control/lane-commands.ts";
import { admissionLines } from "./admission-lines.ts";
import { commandContext } from "./command-context.ts";
import { ask } from "./ctl.ts";
import { withSession } from "./session.ts";

export function lanesCommand(): Command {
  const lanes = new Command("lanes").description("show the lanes of the providers, and what is spent");
  lanes.action(async (_options: unknown, command: Command) => {
    const context = commandContext(command);
    await withSession(context, { parts: [], mayStart: false }, async ({ bus }) => {
      const status = await bus.request({
        subject: subjects.admission("status"),
        request: AdmissionStatusRequest,
        reply: AdmissionStatus,
        value: { v: 1, kind: "admission.status" },
      });
      context.terminal.result({ event: "lanes", ...status }, () => {
        const lines = admissionLines(status, context.terminal).slice(1);
        return lines.length === 0 ? "no request to a provider was admitted yet" : lines.join("\n");
      });
    });
  });
  lanes
    .command("resume")
    .description("use a paused lane again, e.g. after a spend limit was raised")
    .argument("<lane>", "as `hindcast lanes` shows it")
    .action(async (lane: string, _options: unknown, command: Command) => {
      await ask(command, { verb: "resume", target: `${lanePrefix}${lane}`, values: {} });
    });
  return lanes;
}
