// `hindcast ctl`: commands to a running cluster. The coordinator carries them out and keeps the log of them; this only
// asks, from whatever machine, over NATS.
import { type Change, ChangesReply, type CommandVerb, ControlRequest, HindcastError, subjects } from "@hindcast/shared";
import { Command } from "commander";
import { printableLine } from "../report/text-width.ts";
import { commandContext } from "./command-context.ts";
import { ctlLogCommand } from "./ctl-log.ts";
import { exitCodes } from "./exit-codes.ts";
import { withSession } from "./session.ts";
import { whoAsks } from "./who-asks.ts";

interface Verb {
  name: CommandVerb;
  description: string;
  /** What commander calls the argument. */
  target: string;
  /** What it may name. */
  means: string;
  /** What `--all` is; null: the verb is for one at a time. */
  all: string | null;
}

/** A thousand dead letters or workers that are frozen take this long; the default would call it unanswered. */
const commandTimeoutMs = 120_000;

const verbs: readonly Verb[] = [
  {
    name: "pause",
    target: "[campaign]",
    means: "a campaign",
    all: "every running campaign",
    description: "stop buying for a campaign; running steps are finished, what is done stands",
  },
  {
    name: "resume",
    target: "[target]",
    means: "a campaign, a worker or a lane (`lane:...`)",
    all: "every paused campaign and every drained worker",
    description:
      "let a paused campaign or a drained worker go on where it stopped, or use a paused lane (`lane:...`) again",
  },
  {
    name: "drain",
    target: "[worker]",
    means: "a worker",
    all: "every worker",
    description: "let a worker finish its steps, hand its tasks back and take no more until it is resumed",
  },
  {
    name: "cancel",
    target: "<campaign>",
    means: "a campaign",
    all: null,
    description: "end a campaign now; its sandboxes are gone within seconds, what was learned stays",
  },
  {
    name: "requeue",
    target: "[target]",
    means: "a dead letter's number, a task or a campaign",
    all: "every dead letter",
    description: "put dead letters back into their queue: one by number or task, or all of a campaign",
  },
];

export function ctlCommand(): Command {
  const command = new Command("ctl")
    .description("pause, resume, drain, cancel, retune and requeue on a running cluster, also from another machine")
    .addHelpText(
      "after",
      "\nElsewhere than on the cluster's machine: --set cluster.natsUrl=nats://… (and cluster.natsUser, " +
        "cluster.natsPasswordFile).\nEvery command is idempotent and stands in `hindcast ctl log`.",
    );
  for (const verb of verbs) command.addCommand(verbCommand(verb));
  return command.addCommand(retuneCommand()).addCommand(ctlLogCommand());
}

function verbCommand({ name, target: argument, means, all, description }: Verb): Command {
  const verb = new Command(name)
    .argument(argument, `${means}, as \`hindcast ${name === "requeue" ? "dead-letters list" : "status"}\` shows it`)
    .description(description);
  if (all !== null) verb.option("--all", all);
  return verb.action(async (target: string | undefined, { all: isAll }: { all?: boolean }, command: Command) => {
    // `requeue <campaign> --all` says the same as without it.
    if (target === undefined && isAll !== true) throw nobodyNamed(name, means, all);
    if (target !== undefined && isAll === true && name !== "requeue") {
      throw usage(`${name} is for "${target}" or for --all, not for both`);
    }
    await ask(command, { verb: name, target: target ?? null, values: {} });
  });
}

function retuneCommand(): Command {
  return new Command("retune")
    .argument("<target>", "a campaign, a worker or a lane (`lane:...`), as `hindcast status` shows it")
    .argument(
      "<key=value...>",
      "e.g. costUsdMax=20 priority=high weight=3 of a campaign, slots=2 of a worker, requestsPerMinute=50 of a lane",
    )
    .description("change limits while it runs; `none` lifts one")
    .action(async (target: string, pairs: string[], _options: unknown, command: Command) => {
      await ask(command, { verb: "retune", target, values: Object.fromEntries(pairs.map(keyAndValue)) });
    });
}

/** Has the coordinators do it, which write it down, and prints what changed. */
export async function ask(
  command: Command,
  { verb, target, values }: { verb: CommandVerb; target: string | null; values: Record<string, string> },
): Promise<void> {
  const context = commandContext(command);
  const { terminal } = context;
  const { changes, auditSequence } = await withSession(context, { parts: [], mayStart: false }, ({ bus }) =>
    bus.request({
      subject: subjects.control(verb),
      request: ControlRequest,
      reply: ChangesReply,
      value: { v: 1, kind: "command", verb, target, arguments: values, by: whoAsks() },
      timeoutMs: commandTimeoutMs,
      signal: context.interruption.asked,
    }),
  );
  terminal.result({ event: `ctl.${verb}`, changes, auditSequence }, () =>
    changes.length === 0 ? `there is nothing to ${verb}` : changes.map(lineOf).join("\n"),
  );
  if (changes.some(({ problem }) => problem !== null)) process.exitCode = exitCodes.partial;
}

function lineOf({ what, before, after, problem }: Change): string {
  if (problem !== null) return printableLine(`${what} stays ${before}: ${problem}`);
  return printableLine(before === after ? `${what} is ${after} already` : `${what}: ${before} -> ${after}`);
}

function keyAndValue(pair: string): [key: string, value: string] {
  const [key = "", ...value] = pair.split("=");
  if (key === "" || value.length === 0) throw usage(`expected key=value such as costUsdMax=20, got "${key}"`);
  return [key, value.join("=")];
}

function nobodyNamed(verb: string, means: string, all: string | null): HindcastError {
  return usage(`${verb} whom? Name ${means}, or give --all for ${all ?? "all"}`);
}

function usage(message: string): HindcastError {
  return new HindcastError({ code: "CONFIG_INVALID", boundary: "config", message });
}
