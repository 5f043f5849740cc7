import { HindcastError } from "@hindcast/shared";
import type { DeadLetter } from "@hindcast/shared/node";
import { Command } from "commander";
import { printable, printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { withSession } from "./session.ts";
import type { Terminal } from "./terminal.ts";

export function deadLettersCommand(): Command {
  const verb = (name: "requeue" | "drop", description: string): Command =>
    new Command(name)
      .argument("<sequence>", "as `list` shows it")
      .description(description)
      .action((sequence: string, _options: unknown, command: Command) => settle(name, sequence, command));
  return new Command("dead-letters")
    .description("messages that could not be worked on")
    .addCommand(new Command("list").description("list them with their reasons").action(list))
    .addCommand(
      new Command("show")
        .argument("<sequence>", "as `list` shows it")
        .description("show one with its message and the attempts at it")
        .action(show),
    )
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

async function show(text: string, _options: unknown, command: Command): Promise<void> {
  const context = commandContext(command);
  const sequence = sequenceOf(text);
  const letter = await withSession(context, { parts: [] }, ({ bus }) => bus.deadLetters.get(sequence));
  const { payload, ...rest } = letter;
  const { terminal } = context;
  terminal.result({ event: "dead-letter", ...rest, ...readable(payload) }, () =>
    [
      `${terminal.pen.paint.bold(`dead letter ${sequence}`)} of ${letter.stream}, ${letter.at}`,
      `subject: ${printableLine(letter.subject)}`,
      `reason:  ${printableLine(letter.reason)}`,
      `tries:   ${letter.deliveries}`,
      "",
      letter.history.length === 0 ? "nothing is recorded of the attempts at it" : attemptTable(terminal, letter),
      "",
      printable(Buffer.from(payload).toString("utf8")),
    ].join("\n"),
  );
}

function attemptTable(terminal: Terminal, { history }: DeadLetter): string {
  return terminal.table(
    [
      { header: "attempt", align: "right" },
      { header: "delivery", align: "right" },
      { header: "worker" },
      { header: "at" },
      { header: "ended", isFlexible: true },
    ],
    history.map(({ attempt, delivery, workerId, at, error }) => [
      String(attempt),
      String(delivery),
      workerId,
      at,
      error === null
        ? "without a word: its worker died or was cut off"
        : printableLine(`${error.code}: ${error.message}`),
    ]),
  );
}

/** The message as JSON where it is JSON, and always byte for byte. */
function readable(payload: Uint8Array): { message: unknown; payloadBase64: string } {
  const payloadBase64 = Buffer.from(payload).toString("base64");
  try {
    return { message: JSON.parse(Buffer.from(payload).toString("utf8")), payloadBase64 };
  } catch {
    return { message: null, payloadBase64 };
  }
}

/** Only the coordinator's user may change queues. */
async function settle(verb: "requeue" | "drop", text: string, command: Command): Promise<void> {
  const context = commandContext(command);
  const sequence = sequenceOf(text);
  await withSession(context, { parts: [], user: "coordinator" }, ({ bus }) => bus.deadLetters[verb](sequence));
  const done = verb === "requeue" ? "requeued" : "dropped";
  context.terminal.result({ event: `dead-letter.${done}`, sequence }, () => `dead letter ${sequence} is ${done}`);
}

function sequenceOf(text: string): number {
  const sequence = Number(text);
  if (!Number.isSafeInteger(sequence) || sequence < 1) {
    throw new HindcastError({
      code: "CONFIG_INVALID",
      boundary: "config",
      message: `"${text}" is no sequence number; \`hindcast dead-letters list\` shows them`,
    });
  }
  return sequence;
}
