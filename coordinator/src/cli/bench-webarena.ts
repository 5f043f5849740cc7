// `hindcast bench webarena`: what is in a task file and could run here, the score of runs that were recorded (both need
// files only: no site, no cluster, no model), and running tasks.
import { feasibilityOf, orderTasks, requirementsOf, type OrderedTask } from "@hindcast/shared/node";
import { Command } from "commander";
import { formatCountOf } from "../report/format.ts";
import { printableLine } from "../report/text-width.ts";
import { runWebArena } from "./bench-webarena-run.ts";
import { scoreWebArena } from "./bench-webarena-score.ts";
import { chosenTasks, type BenchOptions, type ChosenTasks } from "./bench-webarena-tasks.ts";
import { commandContext, repeatable } from "./command-context.ts";
import { clocksName } from "./site-clocks.ts";
import type { Terminal } from "./terminal.ts";

export function webArenaBenchCommand(): Command {
  const withTasks = (command: Command): Command =>
    command
      .requiredOption("--tasks <file>", "test.raw.json, webarena-lite.raw.json, webarena-verified.json or the like")
      .option("--subset <file>", "only the tasks that this file names, e.g. the hard ones")
      .option("--metadata <file>", "BrowserGym's CSV: splits, and which task must follow which")
      .option("--split <name>", "train or test, by the metadata")
      .option("--sites <file>", "JSON of site names and their URLs")
      .option("--site <name=url>", "where a site is; repeatable", repeatable);
  return new Command("webarena")
    .description("WebArena, WebArena-Lite, VisualWebArena and WebArena-Verified")
    .addCommand(
      withTasks(new Command("list").description("tasks in the order they run in, and what each lacks here")).action(
        list,
      ),
    )
    .addCommand(
      withTasks(new Command("score").description("judge recorded runs of WebArena-Verified again, offline"))
        .requiredOption("--runs <folder>", "holds <task number>/agent_response.json and network.har (or .har.gz)")
        .action(scoreWebArena),
    )
    .addCommand(
      withTasks(new Command("run").description("run tasks as episodes on sites that are there, and judge them"))
        .requiredOption("--model <provider:model>", "who acts")
        .option("--judge <provider:model>", "who compares answers in free words; without one such tasks are left out")
        .option("--logins <folder>", "holds <site>_state.json, browsers' storage states of logged-in users")
        .option(
          "--clocks <file>",
          `JSON of site names and what their pages take for the present (default: ${clocksName} beside --sites)`,
        )
        .option("--reset <site=command>", "puts a site back to its first state; repeatable", repeatable)
        .option("--name <text>", "tells this run from others of the same tasks", "default")
        .action(runWebArena),
    );
}

async function list(options: BenchOptions, command: Command): Promise<void> {
  const { terminal, workingDirectory } = commandContext(command);
  const chosen = await chosenTasks(options, workingDirectory);
  const rows = rowsOf(chosen);
  const ready = rows.filter(({ reason }) => reason === null).length;
  terminal.result({ event: "benchmark", benchmark: chosen.read.benchmark, file: chosen.file, ready, tasks: rows }, () =>
    [
      taskTable(terminal, rows),
      "",
      `${formatCountOf(rows.length, "task")} of ${chosen.read.benchmark}, ${ready} can run here`,
    ].join("\n"),
  );
}

interface Row {
  taskId: number;
  sites: string[];
  judgedBy: string[];
  intent: string;
  /** Why it cannot run here; null where it can. */
  reason: string | null;
  order: OrderedTask | null;
}

function rowsOf({ read, sites, metadata }: ChosenTasks): Row[] {
  const rows = new Map(
    read.tasks.map((task): [number, Row] => {
      const feasibility = feasibilityOf(task, { sites, judge: true, vision: true });
      return [
        task.task_id,
        {
          taskId: task.task_id,
          sites: requirementsOf(task).sites,
          judgedBy: "start_urls" in task ? task.eval.map(({ evaluator }) => evaluator) : task.eval.eval_types,
          intent: task.intent,
          reason: feasibility.kind === "ok" ? null : feasibility.reason,
          order: null,
        },
      ];
    }),
  );
  if (metadata === null) return [...rows.values()];
  return orderTasks([...rows.keys()], metadata).flatMap((order) => {
    const row = rows.get(order.taskId);
    return row === undefined ? [] : [{ ...row, order }];
  });
}

function taskTable(terminal: Terminal, rows: readonly Row[]): string {
  return terminal.table(
    [
      { header: "task", align: "right" },
      { header: "sites" },
      { header: "judged by" },
      { header: "after", align: "right" },
      { header: "unavailable", isFlexible: true },
      { header: "intent", isFlexible: true },
    ],
    rows.map(({ taskId, sites, judgedBy, intent, reason, order }) => [
      String(taskId),
      sites.join(" "),
      [...new Set(judgedBy.map((name) => name.replace("Evaluator", "")))].join(" "),
      order === null ? "" : order.after.join(" "),
      reason ?? "",
      printableLine(intent),
    ]),
  );
}
