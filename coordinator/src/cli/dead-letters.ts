import { HindcastError } from "@hindcast/shared";
import { Command } from "commander";
import { printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";

export function deadLettersCommand(): Command {
  const verb = (name: "requeue" | "drop", description: string): Command =>
    new Command(name)
      .argument("<sequence>", "as `list` shows it")
      .description(description)
      .action((sequence: string, _options: unknown, command: Command) => settle(name, sequence, command));
  return new Command("dead-letters")
    .description("messages that could not be worked on")
    .addCommand(new Command("list").description("list them with their reasons").action(list))
    .addCommand(verb("requeue", "put one back into its queue"))
    .addCommand(verb("drop", "remove one for good"));
}

async function list(_options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  const { terminal } = context;
  const letters = await withSession(context, { parts: [] }, ({ bus }) => bus.deadLetters.list());
  terminal.result(
    { event: "dead-letters", letters: letters.map(({ payload, ...letter }) => ({ ...letter, bytes: payload.length })) },
    () =>
      letters.length === 0
        ? "there are none"
        : terminal.table(
            [
              { header: "sequence", align: "right" },
              { header: "subject", isFlexible: true },
              { header: "tries", align: "right" },
              { header: "at" },
              { header: "reason", isFlexible: true },
            ],
            letters.map(({ sequence, subject, deliveries, at, reason }) => [
              String(sequence),
              subject,
              String(deliveries),
              at,
              printableLine(reason),
            ]),
          ),
  );
}

/** Only the coordinator's user may change queues. */
async function settle(verb: "requeue" | "drop", text: string, command: Command): Promise<void> {
  const context = commandContext(command);
  const sequence = Number(text);
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `"${text}" is no sequence number; \`hindcast dead-letters list\` shows them`,
    });
  }
  await withSession(context, { parts: [], user: "coordinator" }, ({ bus }) => bus.deadLetters[verb](sequence));
  const done = verb === "requeue" ? "requeued" : "dropped";
  context.terminal.result({ event: `dead-letter.${done}`, sequence }, () => `dead letter ${sequence} is ${done}`);
}
